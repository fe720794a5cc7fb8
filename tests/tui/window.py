"""The screen in a real pseudo-terminal, and what one sees on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte

from sandpiper.tui.history import History

DEADLINE_S = 20.0
SCRIPT = """
import asyncio, sys
from pathlib import Path
from tests.tui.fake import FakeRoom, House
from sandpiper.tui import ScreenSettings, run
from sandpiper.tui.history import History
async def main():
    house = House(FakeRoom())
    history = History(Path(sys.argv[1]))
    return await run(house.open_room, "localhost:5000/lobby", settings=ScreenSettings(theme="dark"), history=history)
sys.exit(asyncio.run(main()))
"""
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l", b"\x1b[?1000l", b"\x1b[?1003l")


class Window:
    """A terminal with the screen in it."""

    def __init__(
        self, *command: str, columns: int = 80, lines: int = 24, fds: tuple[int, ...] = (), **environment: str
    ) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            cwd=Path(__file__).parents[2],
            # COLUMNS and LINES as some shells export them
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **environment},
            start_new_session=True,
            pass_fds=fds,
        )

    def types(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def until(self, wanted: bytes) -> None:
        self._until(lambda: wanted in self.seen, repr(wanted))

    def shows(self, text: str) -> None:
        """Reads until that stands on the screen."""
        self._until(lambda: text in self.text, text)

    def until_text(self, text: str) -> None:
        """Reads until that is all that stands there."""
        self._until(lambda: self.text == text, text)

    def until_count(self, wanted: bytes, count: int) -> None:
        """Reads until it has come so many times."""
        self._until(lambda: self.seen.count(wanted) >= count, f"{count} times {wanted!r}")

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + DEADLINE_S
        while not holds():
            ready = select.select([self.master], [], [], max(0.0, end - time.monotonic()))[0]
            assert ready, f"never: {what} in {self.text}"
            self.read()

    def read(self, size: int = 65536) -> None:
        """Takes what is there, so much of it."""
        data = os.read(self.master, size)
        self.seen += data
        self._stream.feed(data)

    @property
    def text(self) -> str:
        """What one sees."""
        return "\n".join(self.screen.display)

    def ends(self) -> int:
        """Its exit status; reads on, so that nothing it says last holds it up."""
        end = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            if select.select([self.master], [], [], 0.05)[0]:
                self.read()
        while select.select([self.master], [], [], 0)[0]:
            self.read()
        return self.process.returncode

    def close(self) -> None:
        for end in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(end)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def recalled(folder: Path, name: str) -> object:
    history = History(folder)
    try:
        return history.recall(name)
    finally:
        history.close()
