from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandpiper.cli.chat_commands import COMMANDS
from sandpiper.cli.qr import qr_lines
from sandpiper.cli.render import Renderer
from sandpiper.cli.text import Text
from sandpiper.cli.visit import Go, Visit
from sandpiper.common.errors import Rejected
from sandpiper.common.lines import TooLong
from sandpiper.peer.events import Failed
from tests.cli.scripted import ScriptedRoom, Typed


class Shown:
    """A View that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.beside: list[str] = []
        self.pending: set[str] = set()

    async def show(self, line: str) -> None:
        self.lines.append(line)

    def status(self, line: str) -> None:
        self.beside.append(line)

    def paste(self, line: str) -> None:
        self.beside.append(line)

    def clear(self) -> None:
        self.lines.clear()

    def sent(self, name: str, line: str) -> None:
        self.pending.add(name)

    def settled(self, name: str) -> None:
        self.pending.discard(name)


def visit(room: Any, *lines: bytes | TooLong) -> tuple[Go, Shown]:
    view = Shown()

    async def run() -> Go:
        return await asyncio.wait_for(Visit(room, Text(view, Renderer()), Typed(*lines)).run(), 10)

    return asyncio.run(run()), view


def test_lines_are_sent_and_shown_when_they_come_back_before_it_ends() -> None:
    room = ScriptedRoom()
    go, view = visit(room, b"hello", b"", b"//bin/sh", b"/me waves", b"caf\xff")
    assert go == Go()
    assert room.posted == [("msg", "hello"), ("msg", "/bin/sh"), ("me", "waves"), ("msg", "caf\ufffd")]
    assert [line[6:] for line in view.lines] == ["anna: hello", "anna: /bin/sh", "anna: waves", "anna: caf\ufffd"]
    assert room.flushed
    assert not view.pending
    assert view.beside[0] == "in lobby as anna, localhost:5000"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"/nik bob", "did you mean /nick?"),
        (b"/xyzzy", "/help lists them"),
        (b"/nick a/b", "invalid nick"),
        (b"/msg eve psst", "nobody here is called eve"),
        (b"/msg eve", "/msg NICK TEXT"),
        (b"/join a b", "invalid room name"),
        (TooLong(), "too long"),
    ],
)
def test_what_cannot_be_done_is_one_line_beside(line: bytes | TooLong, said: str) -> None:
    room = ScriptedRoom()
    _, view = visit(room, line)
    assert said in view.beside[-1]
    assert "\n" not in view.beside[-1]
    assert room.posted == []


def test_commands() -> None:
    _, view = visit(ScriptedRoom(), b"/who", b"/rooms")
    assert view.lines == [f"-- anna  {'f' * 24}  bus  1.2 ms", "-- lobby: 1 member, 7 messages, you are here"]
    room = ScriptedRoom()
    room.seq_of_lobby = 1
    assert visit(room, b"/rooms")[1].lines == ["-- lobby: 1 member, 1 message, you are here"]
    assert visit(ScriptedRoom(), b"/join den", b"never")[0] == Go("den")
    assert visit(ScriptedRoom(), b"/quit", b"never")[0] == Go()


def test_the_way_into_a_broker_s_room() -> None:
    _, view = visit(ScriptedRoom(), b"/code link")
    assert view.beside[-1] == f"sandpiper://connect/localhost:5000/lobby#{'b' * 24}"
    _, view = visit(ScriptedRoom(), b"/code qr")
    assert qr_lines(f"sandpiper://connect/localhost:5000/lobby#{'b' * 24}", 80) == view.beside[1:]
    _, view = visit(ScriptedRoom(), b"/code")
    assert "others come by `sandpiper connect localhost:5000/lobby`" in view.beside[-1]


def test_help_has_a_line_for_each_command() -> None:
    _, view = visit(ScriptedRoom(), b"/help")
    assert len(view.lines) == len(COMMANDS) + 1
    for command, line in zip(COMMANDS, view.lines, strict=False):
        assert command.name in line
        assert command.help in line


def test_what_was_refused_for_good_is_what_it_ends_with() -> None:
    with pytest.raises(Rejected, match="too large"):
        visit(ScriptedRoom(Failed("x", "too_large", "too large")), b"hello")
