"""What one types on a terminal without a screen, in a real one: what comes stands above it."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals", allow_module_level=True)

import termios

from tests.tui.window import DEADLINE_S, Window

SCRIPT = """
import asyncio, os, sys
from contextlib import asynccontextmanager
from types import SimpleNamespace
from click.exceptions import Exit
from sandpiper.cli.chat.chat import chat
from sandpiper.cli.chat.chat_options import ChatOptions
from sandpiper.cli.loop import run
from sandpiper.cli.stdio import status
from sandpiper.peer.events import Received
from tests.cli.scripted import ScriptedRoom, msg

fd = int(sys.argv[1])
seq = 100

@asynccontextmanager
async def open_room(name, nick):
    room = ScriptedRoom()
    def said():
        global seq
        text = os.read(fd, 4096).decode()
        if text.startswith("status "):
            status(text)
            return
        seq += 1
        room.queue.put_nowait(Received(msg(text, seq, nick="bob", run="1" * 32)))
    asyncio.get_running_loop().add_reader(fd, said)
    post = room.post
    async def told(text, *, kind="msg"):
        os.write(int(sys.argv[2]), text.encode() + b"\\0")
        return await post(text, kind=kind)
    room.post = told
    yield room

try:
    run(chat(open_room, SimpleNamespace(caller=SimpleNamespace(nick="anna")), ChatOptions(plain=True)))
except Exit as error:
    sys.exit(error.exit_code)
"""

SHELL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
job = os.fork()
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
if not job:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
while os.WIFSTOPPED(os.waitpid(job, os.WUNTRACED)[1]):
    os.tcsetpgrp(0, os.getpgrp())
    print("stopped", flush=True)
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
"""
"""Runs a program as a shell does its foreground job, and wakes it as soon as it has stopped."""


class Chat(Window):
    """A window with a chat in it; `hears` is what bob says, `posted` what goes into the room."""

    def __init__(self, term: str = "xterm-256color", *, shell: bool = False) -> None:
        out, self._bob = os.pipe()
        self._posted, posted = os.pipe()
        self._lines = b""
        command = ["-c", *[SHELL] * shell, SCRIPT, str(out), str(posted)]
        super().__init__(*command, lines=12, fds=(out, posted), TERM=term)
        os.close(out)
        os.close(posted)

    def hears(self, text: str) -> None:
        os.write(self._bob, text.encode())

    def posted(self, *, reads: bool = True) -> str:
        """The next line that goes into the room; the window `reads` what is shown meanwhile."""
        while b"\0" not in self._lines:
            ready = select.select([self._posted, *[self.master] * reads], [], [], DEADLINE_S)[0]
            assert ready, self.text
            if self.master in ready:
                self.read()
            else:
                self._lines += os.read(self._posted, 4096)
        line, _, self._lines = self._lines.partition(b"\0")
        return line.decode()

    @property
    def rows(self) -> list[str]:
        """What one sees, without the time of day."""
        rows = [row.rstrip() for row in self.screen.display if row.strip()]
        return [row[6:] if row[2:3] == ":" else row for row in rows]

    def until_rows(self, *rows: str) -> None:
        self._until(lambda: self.rows == list(rows), repr(rows))

    def close(self) -> None:
        super().close()
        os.close(self._bob)
        os.close(self._posted)


ENTERED = "sandpiper: in lobby as anna, localhost:5000"


@pytest.fixture
def chat() -> Iterator[Chat]:
    window = Chat()
    try:
        window.until_rows(ENTERED, ">")
        yield window
    finally:
        window.close()


def test_what_comes_stands_above_what_is_typed_which_is_kept(chat: Chat) -> None:
    chat.types(b"half a ")
    chat.until_rows(ENTERED, "> half a")
    chat.hears("first")
    chat.until_rows(ENTERED, "bob: first", "> half a")
    chat.types(b"line")
    chat.until_rows(ENTERED, "bob: first", "> half a line")
    assert (chat.screen.cursor.x, chat.screen.cursor.y) == (len("> half a line"), 2)
    chat.hears("status said beside")
    chat.until_rows(ENTERED, "bob: first", "sandpiper: status said beside", "> half a line")
    chat.types(b"\r")
    assert chat.posted() == "half a line"
    chat.hears("second")
    chat.until_rows(ENTERED, "bob: first", "sandpiper: status said beside", "> half a line", "bob: second", ">")


def test_a_line_over_several_rows_is_kept_too(chat: Chat) -> None:
    long = "0123456789" * 20
    chat.types(long.encode())
    typed = f"> {long}"
    rows = (typed[:80], typed[80:160], typed[160:])
    chat.until_rows(ENTERED, *rows)
    chat.hears("first")
    chat.until_rows(ENTERED, "bob: first", *rows)
    chat.types(b"\x1b[D" * 150 + b"x\r")  # in the middle of it
    assert chat.posted() == f"{long[:50]}x{long[50:]}"


def test_a_paste_of_several_lines_is_one_message(chat: Chat) -> None:
    chat.types("\x1b[200~one\r\ntwo \U0001fa77\r\n\x1b[201~\r".encode())
    assert chat.posted() == "one\ntwo \U0001fa77"
    chat.until_rows(ENTERED, "> one\u240atwo \U0001fa77", ">")
    chat.types(b"\x1b[200~" + b"x" * 20_000 + b"\x1b[201~")
    chat.shows("a paste of 20,000 characters is not taken")
    chat.types(b"\x1b[A\x7fx\r")  # up, the line before
    assert chat.posted() == "one\ntwo x"


def test_many_lines_at_once_are_all_sent_in_their_order(chat: Chat) -> None:
    lines = [f"line {number}" for number in range(300)]
    for at in range(0, len(lines), 50):
        chat.types("".join(f"{line}\r" for line in lines[at : at + 50]).encode())
        assert [chat.posted() for _ in range(50)] == lines[at : at + 50]


def test_a_terminal_that_takes_nothing_holds_nobody_up(chat: Chat) -> None:
    for _ in range(60):  # more than what lies between us takes
        chat.hears("x" * 4000)
    chat.types(b"all the same\r")
    assert chat.posted(reads=False) == "all the same"


def test_it_ends_as_a_line_ends_and_gives_the_terminal_back(chat: Chat) -> None:
    chat.types(b"x\x04\x7f\x04")
    assert chat.ends() == 0
    assert termios.tcgetattr(chat.slave) == chat.before
    assert chat.seen.rindex(b"\x1b[?2004l") > chat.seen.rindex(b"\x1b[?2004h")


def test_sigterm_leaves_what_was_not_sent(chat: Chat) -> None:
    chat.types(b"not sent")
    chat.until_rows(ENTERED, "> not sent")
    chat.process.send_signal(signal.SIGTERM)
    assert chat.ends() == 143
    assert chat.rows == [ENTERED, "> not sent"]
    assert termios.tcgetattr(chat.slave) == chat.before


def test_ctrl_c(chat: Chat) -> None:
    chat.types(b"\x03")
    assert chat.ends() == 130
    assert termios.tcgetattr(chat.slave) == chat.before


def test_a_terminal_that_can_do_nothing_gets_lines_as_they_come() -> None:
    window = Chat("dumb")
    try:
        window.until_rows(ENTERED)
        window.types(b"hello\n")
        assert window.posted() == "hello"
        window.hears("first")
        window.until_rows(ENTERED, "hello", "bob: first")
        assert b"\x1b" not in window.seen
    finally:
        window.close()


def test_after_ctrl_z_the_line_stands_there_once() -> None:
    window = Chat(shell=True)
    try:
        window.until_rows(ENTERED, ">")
        window.types(b"half a line")
        window.until_rows(ENTERED, "> half a line")
        window.types(b"\x1a")
        window.until_rows(ENTERED, "stopped", "> half a line")
        window.types(b"!\r")
        assert window.posted() == "half a line!"
        window.until_rows(ENTERED, "stopped", "> half a line!", ">")
    finally:
        window.close()
