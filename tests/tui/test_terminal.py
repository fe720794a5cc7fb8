"""The screen in a real pseudo-terminal: what it leaves behind, and what it keeps, however it ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandpiper.tui.history import History

if sys.platform == "win32":
    pytest.skip("pseudo-terminals", allow_module_level=True)

import fcntl
import pty
import struct
import termios

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

    def __init__(self, *command: str, **environment: str) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            cwd=Path(__file__).parents[2],
            # COLUMNS and LINES as some shells export them
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **environment},
            start_new_session=True,
        )

    def types(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def until(self, wanted: bytes) -> None:
        end = time.monotonic() + DEADLINE_S
        while wanted not in self.seen:
            ready = select.select([self.master], [], [], max(0.0, end - time.monotonic()))[0]
            assert ready, f"never: {wanted!r} in {self.seen[-2000:]!r}"
            self.seen += os.read(self.master, 65536)

    def ends(self) -> int:
        """Its exit status; reads on, so that nothing it says last holds it up."""
        end = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)
        return self.process.returncode

    def close(self) -> None:
        for end in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(end)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    window = Window("-c", SCRIPT, str(tmp_path))
    try:
        window.until(b"in lobby as anna")
        yield window
    finally:
        window.close()


def recalled(folder: Path, name: str) -> object:
    history = History(folder)
    try:
        return history.recall(name)
    finally:
        history.close()


@pytest.mark.parametrize(("keys", "status"), [(b"\x03", 130), (b"\x04", 0), (b"/quit\r", 0)])
def test_it_leaves_the_terminal_as_it_was(window: Window, keys: bytes, status: int) -> None:
    window.types(keys)
    assert window.ends() == status
    assert all(sequence in window.seen for sequence in RESTORED)
    assert termios.tcgetattr(window.slave) == window.before


def test_a_signal_is_as_good_as_a_key(window: Window, tmp_path: Path) -> None:
    window.types(b"half a thought")
    window.until(b"half a though")
    window.process.send_signal(signal.SIGTERM)
    assert window.ends() == 130
    assert termios.tcgetattr(window.slave) == window.before
    assert recalled(tmp_path, "draft localhost:5000/lobby") == "half a thought"


@pytest.mark.parametrize("told", [True, False])
def test_closing_the_window_loses_nothing(window: Window, tmp_path: Path, told: bool) -> None:
    window.types(b"half a thought")
    window.until(b"half a though")
    os.close(window.slave)
    os.close(window.master)
    if told:  # as the system does it, unless another program stands between
        os.kill(window.process.pid, signal.SIGHUP)
    window.process.wait(DEADLINE_S)
    assert recalled(tmp_path, "draft localhost:5000/lobby") == "half a thought"


def test_alt_enter_as_old_terminals_send_it_is_a_new_line(window: Window) -> None:
    window.types(b"one\x1b\r")
    window.types(b"two")
    window.until(b"two")
    window.types(b"\r")
    window.until("✓".encode())
    assert window.seen.count("✓".encode()) <= 3  # one message, however often it was drawn
    window.types(b"\x03")
    assert window.ends() == 130


def test_another_size(window: Window) -> None:
    fcntl.ioctl(window.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 40, 0, 0))
    os.kill(window.process.pid, signal.SIGWINCH)
    window.until(b"1 here")  # what the line says where there is no side
    window.types(b"\x03")
    assert window.ends() == 130


def test_why_the_only_room_could_not_be_entered_stands_where_the_screen_was(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody else gets the port, and nobody listens
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        window = Window("-m", "sandpiper.cli", "connect", place, SANDPIPER_HOME=str(tmp_path))
        try:
            assert window.ends() == 3
            restored = window.seen.rindex(b"\x1b[?1049l")
            assert f"sandpiper: cannot reach {place}".encode() in window.seen[restored:]
            assert termios.tcgetattr(window.slave) == window.before
        finally:
            window.close()
