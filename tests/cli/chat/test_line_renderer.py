from __future__ import annotations

import pytest

from sandpiper.chat.timestamps import clock
from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.common.limits import NAMES_SEEN
from sandpiper.common.messages import Data, Found, Lost, Me, Msg, Notice, Trimmed
from sandpiper.peer.events import Received

AT = 1_735_812_345


def received(text: str, *, nick: str = "bob", verified: bool = True, backlog: bool = False) -> Received:
    return Received(Msg(nick, text, AT, "lobby", 1, 0, "r", "i", "f", verified), backlog=backlog)


def test_a_line_in_a_pipe() -> None:
    renderer = LineRenderer()
    assert renderer.event(received("hi")) == f"{clock(AT)} bob: hi"
    assert renderer.event(received("hi", nick="thermo", verified=False)) == f"{clock(AT)} ~thermo: hi"
    me = Received(Me("bob", "waves", AT, "lobby", 1, 0, "r", "i", "f", True))
    assert renderer.event(me) == f"{clock(AT)} * bob waves"
    data = Received(Data("bob", {"t": 21.4}, AT, "lobby", 1, 0, "r", "i", "f", True))
    assert renderer.event(data) == f'{clock(AT)} bob: [data] {{"t":21.4}}'
    assert renderer.event(Notice("bob joined", AT)) == f"{clock(AT)} -- bob joined"
    assert "3 messages lost" in (renderer.event(Lost("lobby", None, 3)) or "")
    assert renderer.event(Found("lobby", None, 1)) == "-- 1 message told to be lost, here after all:"
    assert "begins at 7" in (renderer.event(Trimmed("lobby", 7)) or "")


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x9b2J", "\u202eevil", "a\nb", "a\rb", "\x07"])
def test_nothing_from_others_reaches_the_terminal_raw(hostile: str) -> None:
    renderer = LineRenderer()
    for line in (
        renderer.event(received(hostile)),
        renderer.event(received("x", nick=hostile)),
        renderer.event(Notice(hostile, AT)),
        renderer.error(hostile),
    ):
        assert line is not None
        assert line.isprintable()


def test_a_look_alike_is_marked_and_the_first_is_not() -> None:
    renderer = LineRenderer()
    renderer.know(["alice"])
    assert "alice: x" in (renderer.event(received("x", nick="alice")) or "")
    assert "\u0430lice [looks like alice]: x" in (renderer.event(received("x", nick="\u0430lice")) or "")


def test_each_line_has_the_time_of_its_own_and_the_nick_as_it_was_signed() -> None:
    renderer = LineRenderer()
    for at in (AT, AT + 1, AT + 60, AT + 86_400, AT):
        for verified, mark in ((True, ""), (False, "~")):
            said = Msg("bob", "hi", at, "lobby", 1, 0, "r", "i", "f", verified)
            assert renderer.event(Received(said)) == f"{clock(at)} {mark}bob: hi"


def test_however_many_speak_the_table_of_their_nicks_has_a_bound() -> None:
    renderer = LineRenderer()
    renderer.know(["alice"])
    for number in range(2 * NAMES_SEEN):
        renderer.nick(f"u{number}", verified=True)
        assert len(renderer._nicks) <= NAMES_SEEN


def test_a_nick_has_its_colour_only_where_asked() -> None:
    one, two = LineRenderer(colours=True), LineRenderer(colours=True)
    assert one.nick("bob", verified=True) == two.nick("bob", verified=True) != "bob"
    assert "\x1b" not in (LineRenderer().event(received("x", backlog=True)) or "")


def test_a_second_line_cannot_pose_as_a_message() -> None:
    line = LineRenderer().event(received("a\n12:00 eve: b")) or ""
    assert "a" in line
    assert "\n" not in line


def test_what_is_no_time_is_dashes() -> None:
    assert clock(10**30) == "--:--"
