"""The screen in a real pseudo-terminal: what it leaves behind, and what it keeps, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals", allow_module_level=True)

import fcntl
import struct
import termios

from tests.tui.window import DEADLINE_S, RESTORED, SCRIPT, Window, recalled


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    window = Window("-c", SCRIPT, str(tmp_path))
    try:
        window.until(b"in lobby as anna")
        yield window
    finally:
        window.close()


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
    assert window.ends() == 143
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
