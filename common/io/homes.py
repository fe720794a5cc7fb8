"""The folders that the platform has for a user's data and settings."""

from __future__ import annotations

import os
from pathlib import Path

from sandpiper.common.errors import SandpiperError


def data_folder() -> Path:
    """The folder of this user's data. Raises SandpiperError."""
    from platformdirs import user_data_path  # takes 7 ms, and who names a folder does not need it

    try:
        return user_data_path("sandpiper", appauthor=False)
    except (RuntimeError, OSError):
        raise _homeless() from None


def config_folder() -> Path:
    """The folder of this user's settings. Raises SandpiperError."""
    from platformdirs import user_config_path

    try:
        return user_config_path("sandpiper", appauthor=False)
    except (RuntimeError, OSError):
        raise _homeless() from None


def _homeless() -> SandpiperError:
    """The error of a user without a home, as in a container that runs as a number which no account has."""
    who = f"user {os.getuid()}" if hasattr(os, "getuid") else "this user"
    return SandpiperError(
        f"{who} has no home: HOME is not set, and no account names one; set SANDPIPER_HOME to a folder that is yours"
    )
