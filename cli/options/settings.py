"""Where settings come from: flag, then SANDPIPER_* in the environment, then config.toml, then the default.

click reads the first two itself; this is the third, and the folders.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from sandpiper.common.errors import UsageError
from sandpiper.common.io.homes import config_folder, data_folder
from sandpiper.common.text_files import NotText, decoded

CONFIG: Final = "config.toml"
HOME: Final = "SANDPIPER_HOME"
COMPLETING: Final = "_SANDPIPER_COMPLETE"
"""The variable that a shell sets when it asks for completions."""
FLAGS: Final = {"json": "as_json", "open": "open_", "filter": "filters", "exec": "command_line"}
"""Flags whose names Python has taken, and their parameters: settings are named as the flag is."""
_BOTH: Final = ("broker", "discovery")
"""Commands, and options of others: a file has the table or the option, for TOML has no two of one name."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of data and settings: one folder if SANDPIPER_HOME names it, else the platform's two."""

    data: Path
    config: Path


@cache
def folders() -> Folders:
    """This user's folders. Raises SandpiperError."""
    if home := os.environ.get(HOME):
        return Folders(Path(home), Path(home))
    return Folders(data_folder(), config_folder())


def read_config(folder: Path) -> Mapping[str, Any]:
    """Returns what config.toml says; nothing if there is none. Raises UsageError."""
    path = folder / CONFIG
    try:
        text = decoded(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}; mend it, or move it away") from None
    except NotText as error:
        raise UsageError(f"{path} {error}") from None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}; mend it, or move it away") from None


def default_map(
    config: Mapping[str, Any], commands: Sequence[str], aliases: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Each command's defaults: the keys at the top hold for all, those in its own table for it alone."""
    shared = {_option(key): value for key, value in config.items() if not isinstance(value, dict)}
    defaults = {}
    for command in commands:
        own = config.get(aliases.get(command, command), {})
        if not isinstance(own, dict):
            if command not in _BOTH:
                raise UsageError(f"{CONFIG}: '{command}' is a table: write [{command}]")
            own = {}
        defaults[command] = {**shared, **{_option(key): value for key, value in own.items()}}
    return defaults


def _option(key: str) -> str:
    name = key.replace("-", "_")
    return FLAGS.get(name, name)
