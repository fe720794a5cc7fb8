"""Questions about the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable


def coloured() -> bool:
    """Whether stdout may be coloured: a terminal, and NO_COLOR (no-color.org) does not forbid it."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return False
    if sys.platform == "win32":
        from colorama import just_fix_windows_console  # click brings it, there

        just_fix_windows_console()
    return True


def put_right() -> Callable[[], None]:
    """Returns a function that makes the terminal take and echo lines as it does now, if there is one."""
    if sys.platform == "win32":
        return lambda: None
    import termios

    try:
        now = termios.tcgetattr(0)
    except (termios.error, OSError):
        return lambda: None

    def put() -> None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, now)

    return put


def columns() -> int:
    """Returns the terminal's width; 80 where that cannot be told."""
    import shutil

    return shutil.get_terminal_size().columns


def echoed() -> bool:
    """Whether what is typed stands where the answers do."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def interactive() -> bool:
    """Whether a person sits at both ends, with a terminal that can move its cursor."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
