from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandpiper.chat.commands import commands_of
from sandpiper.cli.chat import text_frontend
from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.chat.loop import Go, Visit
from sandpiper.cli.chat.text_frontend import TextFrontend
from sandpiper.cli.qr import qr_lines
from sandpiper.common.errors import Code, Refusal, Rejected, Unreachable
from sandpiper.common.limits import NAMES_SEEN
from sandpiper.common.lines import TooLong
from sandpiper.common.messages import Member, Notice
from sandpiper.peer.events import Failed, Received
from tests.cli.scripted import ScriptedRoom, Typed, msg


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


def visit(room: Any, *lines: bytes | TooLong, echoed: bool = False) -> tuple[Go, Shown]:
    view = Shown()

    async def run() -> Go:
        return await asyncio.wait_for(
            Visit(room, TextFrontend(view, LineRenderer(), echoed=echoed), Typed(*lines)).run(), 10
        )

    return asyncio.run(run()), view


def test_on_a_terminal_ones_own_line_stands_there_once() -> None:
    _, view = visit(ScriptedRoom(), b"hello", echoed=True)
    assert not [line for line in view.lines if "hello" in line]
    assert not view.pending


def test_on_a_terminal_what_a_tool_says_for_one_is_shown() -> None:
    """It bears the member's key, but nobody has typed it."""
    tool = Received(msg("ALARM", nick="anna/thermo", name="t-1", verified=False), own=True)
    _, view = visit(ScriptedRoom(tool), b"hello", b"/me waves", echoed=True)
    assert len(view.lines) == 2
    assert "anna/thermo" in view.lines[0]
    assert "ALARM" in view.lines[0]
    assert "waves" in view.lines[1]


def test_of_what_was_typed_no_more_is_known_than_may_be_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_frontend, "WINDOW_MESSAGES", 3)

    async def run() -> None:
        room: Any = ScriptedRoom()
        chat = TextFrontend(Shown(), LineRenderer(), echoed=True)
        for _ in range(5):
            await chat.post(room, "hello")
        assert list(chat._typed) == ["a-3", "a-4", "a-5"]
        await chat.hear(room, Failed("a-3", "rate", "slow down"))
        await chat.hear(room, Received(msg("hello", name="a-4"), own=True))
        assert list(chat._typed) == ["a-5"]

    asyncio.run(run())


def test_one_is_not_told_of_ones_own_leaving() -> None:
    room = ScriptedRoom()
    own = Notice("anna left", 0, "lobby", "leave", room.nick, None, room.fingerprint)
    view = Shown()
    other = Notice("bo left", 0, "lobby", "leave", "bo", None, "b" * 24)
    for notice in (own, other):
        asyncio.run(TextFrontend(view, LineRenderer()).hear(room, notice))  # type: ignore[arg-type]  # as `visit` does
    assert [line for line in view.lines if "left" in line] == [line for line in view.lines if "bo left" in line] != []


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
        (b"/join", "where to? a room here"),
        (b"/join nas:5000/ops", "`sandpiper connect` takes HOST[:PORT][/ROOM]"),
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
    assert view.lines == [f"-- anna  broker  1.2 ms  you  {'f' * 24}", "-- lobby  1 member  7 messages  you are here"]
    room = ScriptedRoom()
    room.seq_of_lobby = 1
    assert visit(room, b"/rooms")[1].lines == ["-- lobby  1 member  1 message  you are here"]
    assert visit(ScriptedRoom(), b"/join den", b"never")[0] == Go("den")
    assert visit(ScriptedRoom(), b"/quit", b"never")[0] == Go()


IMPOSTOR = "\u0441arol"


def named(room: ScriptedRoom) -> list[str]:
    """What is shown of those who speak in it, without the time."""
    room.queue.put_nowait(Received(msg("mine", nick=IMPOSTOR)))
    room.queue.put_nowait(Received(msg("mine", 2, nick="carol")))
    return [line[6:] for line in visit(room, b"end")[1].lines if ": mine" in line]


def test_who_is_silent_is_no_look_alike_of_who_speaks_under_a_similar_nick() -> None:
    marked = [f"{IMPOSTOR} [looks like carol]: mine", "carol: mine"]
    room = ScriptedRoom()
    room.people += [Member(IMPOSTOR, None, False, "bus"), Member("carol", "c" * 24, True, "bus")]
    assert named(room) == marked
    assert named(ScriptedRoom(Notice("carol joined", 0, "lobby", "join", "carol"))) == marked
    assert named(ScriptedRoom(Notice("x is carol now", 0, "lobby", "nick", "carol", "x"))) == marked
    assert named(ScriptedRoom(Notice("carol left", 0, "lobby", "leave", "carol"))) != marked


@pytest.mark.parametrize("error", [Refusal(Code.RATE, "slow down"), Unreachable("gone"), None])
def test_not_to_be_told_who_is_there_is_no_reason_not_to_talk(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandpiper.cli.chat.text_frontend._WHO_S", 0.01)

    class Silent(ScriptedRoom):
        async def members(self) -> list[Member]:
            if error is not None:
                raise error
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    room = Silent()
    _, view = visit(room, b"hello")
    assert [line[6:] for line in view.lines] == ["anna: hello"]


def test_a_crowd_is_met_as_far_as_names_are_remembered() -> None:
    room = ScriptedRoom()
    room.people += [Member(f"m{number}", None, False, "bus") for number in range(2000)]
    view, renderer = Shown(), LineRenderer()
    asyncio.run(asyncio.wait_for(Visit(room, TextFrontend(view, renderer), Typed(b"hi")).run(), 10))  # type: ignore[arg-type]
    assert len(renderer.look_alikes._alike) <= NAMES_SEEN // 2 + 1


def test_the_way_into_a_broker_s_room() -> None:
    _, view = visit(ScriptedRoom(), b"/code link")
    assert view.beside[-1] == f"sandpiper://connect/localhost:5000/lobby#{'b' * 24}"
    _, view = visit(ScriptedRoom(), b"/code qr")
    assert qr_lines(f"sandpiper://connect/localhost:5000/lobby#{'b' * 24}", 80) == view.beside[1:]
    _, view = visit(ScriptedRoom(), b"/code")
    assert "others come by `sandpiper connect localhost:5000/lobby`" in view.lines[-1]


def test_help_has_a_line_for_each_command() -> None:
    commands = commands_of(has_screen=False)
    _, view = visit(ScriptedRoom(), b"/help")
    # A long usage has a line of its own, and its words are in the next.
    entries = "\n".join(view.lines).removeprefix("-- ").split("\n-- /")
    assert len(entries) == len(commands) + 1
    for command, entry in zip(commands, entries, strict=False):
        assert command.usage.removeprefix("/") in entry
        assert command.help in entry
    what = "remove a person for good, or also whom they let in"
    assert visit(ScriptedRoom(), b"/help kick")[1].lines == [f"-- /kick NICK [--with-admitted]: {what}"]


@pytest.mark.parametrize(
    ("answer", "kicked", "said"),
    [
        (b"y", True, ""),
        (b"YES", True, ""),
        (b"No", False, "not done"),
        (b"", False, "not done"),
        (b"hello", False, "not done; what you typed is not sent"),
        (b"//no", False, "not done; what you typed is not sent"),
    ],
)
def test_a_person_is_asked_before_another_is_removed(answer: bytes, kicked: bool, said: str) -> None:
    room = ScriptedRoom(code="pine-ocean-42")
    _, view = visit(room, b'/kick "two words"', answer, b"y", echoed=True)
    assert view.lines[0] == "-- Remove two words for good, and give the room another code? y: yes. Anything else: no"
    assert room.asked == ([("kick", "two words")] if kicked else [])
    assert [line for line in view.beside if line.startswith("not done")] == ([said] if said else [])
    assert [text for _, text in room.posted] == ["y"]  # the answer itself never is


def test_what_is_refused_is_not_asked_for() -> None:
    _, view = visit(ScriptedRoom(code="pine-ocean-42"), b"/kick nobody", echoed=True)
    assert view.beside[-1] == "nobody else here is called nobody"
    assert view.lines == []


def test_a_command_is_obeyed_where_an_answer_was_asked_for() -> None:
    room = ScriptedRoom(code="pine-ocean-42")
    assert visit(room, b"/kick bob", b"/quit", b"y", echoed=True)[0] == Go()
    assert (room.asked, room.posted) == ([], [])


def test_a_nick_is_taken_out_of_its_quotes() -> None:
    room = ScriptedRoom()
    visit(room, b'/nick "carol the great"')
    assert room.nick == "carol the great"


def test_a_line_that_is_too_long_is_no_answer() -> None:
    room = ScriptedRoom(code="pine-ocean-42")
    visit(room, b"/kick bob", TooLong(), b"y", echoed=True)
    assert room.asked == []


def test_a_pipe_has_nobody_to_ask() -> None:
    room = ScriptedRoom(code="pine-ocean-42")
    _, view = visit(room, b"/kick bob")
    assert room.asked == [("kick", "bob")]
    assert view.lines == ["-- bob is removed; the room has new keys and another code"]


def test_what_was_refused_for_good_is_what_it_ends_with() -> None:
    with pytest.raises(Rejected, match="too large"):
        visit(ScriptedRoom(Failed("x", "too_large", "too large")), b"hello")
