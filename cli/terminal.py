"""What the terminal is like."""

from __future__ import annotations

import os
import sys


def coloured() -> bool:
    """Whether stdout may be coloured: a terminal, and NO_COLOR (no-color.org) does not forbid it."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return False
    if sys.platform == "win32":
        from colorama import just_fix_windows_console  # click brings it, there

        just_fix_windows_console()
    return True


def columns() -> int:
    """How wide it is; 80 where that cannot be told."""
    import shutil

    return shutil.get_terminal_size().columns


def interactive() -> bool:
    """Whether a person sits at both ends, with a terminal that can move its cursor."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
