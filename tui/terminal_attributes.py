"""The attributes of a terminal on POSIX: kept, made raw, and put back; and whether the terminal is ours to use."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.platform != "win32":
    import termios
    import tty

    def erases_in_colour(fd: int) -> bool:
        """Returns whether what the terminal erases gets the background that is set, by its own description."""
        try:
            import curses
        except ImportError:
            return False
        try:
            curses.setupterm(fd=fd)
        except curses.error:  # nobody has described it
            return False
        return curses.tigetflag("bce") > 0

    class TerminalAttributes:
        """The attributes of the terminal that is read at `fd` and written at `out`."""

        def __init__(self, fd: int, out: int) -> None:
            self._fd = fd
            self._out = out
            self._before: list[Any] | None = None

        def keep(self) -> None:
            """Remembers the attributes as they are, for `restore`."""
            self._before = self._now()

        def _now(self) -> list[Any] | None:
            try:
                return termios.tcgetattr(self._fd)
            except termios.error:
                return None

        def in_front(self) -> bool:
            """Returns whether the terminal is ours to use. A process that is continued by `bg` stops again."""

            def stop_again(*_: object) -> None:
                os.kill(os.getpid(), signal.SIGSTOP)

            if not os.isatty(self._fd):
                return True
            kept = signal.signal(signal.SIGTTOU, stop_again)
            try:
                termios.tcsetattr(self._fd, termios.TCSANOW, termios.tcgetattr(self._fd))
            except termios.error:
                return False
            finally:
                signal.signal(signal.SIGTTOU, kept)
            return True

        def make_raw(self, local_flags: Callable[[int], int], input_flags: Callable[[int], int]) -> None:
            """Has the terminal hand over each key as it is typed; the functions say which flags that takes."""
            wanted = self._now()
            if wanted is not None:
                wanted[tty.LFLAG] = local_flags(wanted[tty.LFLAG])
                wanted[tty.IFLAG] = input_flags(wanted[tty.IFLAG])
                wanted[tty.CC][termios.VMIN] = 1
                with contextlib.suppress(termios.error):
                    termios.tcsetattr(self._fd, termios.TCSANOW, wanted)

        def restore(self) -> None:
            """Puts the attributes back, and forgets what has been typed and not read."""
            with contextlib.suppress(termios.error):
                termios.tcflush(self._fd, termios.TCIFLUSH)
                if self._before is not None:
                    termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

        def drop_unread(self) -> None:
            """Drops what the system holds for a terminal that does not take it, to make room for what restores it."""
            with contextlib.suppress(termios.error):
                termios.tcflush(self._out, termios.TCOFLUSH)
