"""A hostile member cannot change the terminal's state, hide who speaks, freeze the screen, or fill the memory."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from rich.segment import Segment
from rich.style import Style

from sandpiper.common.messages import Member, Notice, RoomInfo, Whisper
from sandpiper.peer.events import PathChanged, Received, Warned
from sandpiper.tui.framebuffer import Framebuffer
from sandpiper.tui.notify import desktop
from sandpiper.tui.port import RoomRequest
from tests.cli.hostile import EVIL as WORST
from tests.cli.hostile import complaints, events, hostile
from tests.tui.fake import START, FakeRoom
from tests.tui.stage import Stage, play

EVIL = [
    "\x1b[2J\x1b[H\x1b]0;owned\x07\x1b]52;c;ZXZpbA==\x07",
    "\x9b31m\x90q\x9c\x84",
    "\u202eevil\u2066x\u2069\u200b\u200d\ufeff",
    "a\rb\nc\x0bd\x0ce\x85f\u2028g",
    "\U000e0041\U000e0042\x00\x7f\x08\x08\x08",
    "[red]markup[/red] [@click=app.quit]x[/]",
    "a" + "\u0301" * 500,
]


def assert_harmless(stage: Stage) -> None:
    strips = stage.app.screen._compositor.render_strips(stage.app.size)
    for strip in strips:
        for segment in strip:
            for char in segment.text:
                assert unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co") or char == "\u200d", repr(
                    segment.text
                )
            if segment.style is not None and segment.style.link:
                assert segment.style.link.isascii()
                assert segment.style.link.isprintable()


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
@pytest.mark.parametrize("size", [(100, 30), (40, 20)])
def test_nothing_from_others_reaches_the_terminal_as_it_is(evil: str, size: tuple[int, int]) -> None:
    room = FakeRoom()

    async def rooms() -> list[RoomInfo]:
        return [RoomInfo(f"x{evil}", 1, 1)]

    room.rooms = rooms  # type: ignore[method-assign]

    async def scene(stage: Stage) -> None:
        room.joins(f"n{evil}"[:32], "bus\x1b[1m", verified=False)
        room.says(f"n{evil}"[:32], f"anna text {evil} https://evil.example/{evil}", verified=False)
        room.says("bob", f"> {evil}\n```{evil}\n{evil}\n```\n**{evil}** `{evil}`")
        room.says("bob", evil, kind="me")
        room.data("bob", {evil.encode("utf-8", "replace").decode(): 1})
        room.happens(
            Whisper(f"n{evil}"[:32], "anna", evil, START, "lobby", "w", None, False),
            Notice(f"topic {evil}", START),
            PathChanged("bus", evil),
            Warned("cheat", evil),
        )
        await stage.settle()
        await stage.enters("/who")
        await stage.enters("/rooms")
        await stage.enters("/path")
        await stage.settle()
        assert_harmless(stage)
        stage.app.open(RoomRequest(f"x{evil}"))
        await stage.settle()
        await stage.press("f2")
        assert_harmless(stage)

    play(scene, room, size=size)


@pytest.mark.parametrize("code", [None, "pine-ocean-42"])
def test_no_event_and_no_status_reaches_the_terminal_as_it_is(code: str | None) -> None:
    room = FakeRoom(code=code)

    async def scene(stage: Stage) -> None:
        room.where = room.path = room.broker = hostile(str)
        room.people.append(hostile(Member))
        room.happens(*events())
        await stage.settle()
        for command in ("/who", "/path", "/rooms", "/code", "/verify bob"):
            await stage.enters(command)
        await stage.settle()
        assert_harmless(stage)
        assert "forged" in stage.text

    play(scene, room, size=(120, 60))


def test_the_border_to_the_terminal_lets_nothing_through_that_a_widget_forgot() -> None:
    framebuffer = Framebuffer(None)
    framebuffer.resize(60, 3)
    framebuffer.put(0, 1, [Segment(WORST, Style(link=f"https://evil.example/{WORST}")), Segment("a\tb\x08c")])
    written = re.sub(r"\x1b\[\d*(;\d+)*[HGCm]", "", framebuffer.changes())
    assert not complaints(written.replace("\u200b", ""))  # takes no column, and shapes at most
    assert "PWNED" in written


@pytest.mark.parametrize("term", ["xterm-kitty", "foot", "rxvt-unicode-256color"])
@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_a_notification_is_one_sequence(term: str, evil: str) -> None:
    said = desktop(term, "", f"bob{evil}", f"{evil};{evil}")
    assert said is not None
    assert said.startswith("\x1b]")
    assert said.endswith("\x1b\\")
    assert not any(unicodedata.category(char) == "Cc" for char in said[2:-2])
    assert said.count(";") == (3 if "777" in said else 1)


def test_where_there_are_no_notifications() -> None:
    assert desktop("xterm-256color", "", "a", "b") is None
    assert desktop("foot", "", "a", "b", multiplexer=True) is None
    assert desktop("xterm-256color", "WezTerm", "a", "b") == "\x1b]9;a: b\x1b\\"


def test_every_row_says_whose_it_is() -> None:
    async def scene(stage: Stage) -> None:
        stage.room.says("mallory", "x\n" * 10 + "\n 12:00 ▎bob\n ▎I confess")
        await stage.shows("I confess")
        rows = [row for row in stage.rows if "confess" in row or "12:00" in row]
        assert all(row.index("▎") < row.index(word) for row, word in zip(rows, ("12:00", "I confess"), strict=True))
        strips = stage.app.screen._compositor.render_strips(stage.app.size)
        own = stage.app.renderer.style("nick mallory").color
        for strip in strips:
            if "confess" in strip.text:
                bar = next(segment for segment in strip if segment.text.startswith("▎"))
                assert bar.style is not None
                assert bar.style.color == own

    play(scene)


def test_a_flood_is_taken_in_frames_and_leaves_time_for_keys() -> None:
    async def scene(stage: Stage) -> None:
        longest = 0.0
        take = stage.app._frame

        def timed() -> None:
            nonlocal longest
            started = time.thread_time()  # another program may have the processor meanwhile
            take()
            longest = max(longest, time.thread_time() - started)

        stage.app._frame = timed  # type: ignore[method-assign]
        nasty = ["\u00ad" * 20_000, "\n" * 5000, "a\u0301" * 9000, "*`_" * 9000, "plain and short", "👩‍👩‍👧" * 3000]
        for number in range(10_000):
            stage.room.says(f"flood{number % 3000}", nasty[number % len(nasty)])
        await stage.types("still typing")
        await stage.shows("still typing")
        stage.room.says("bob", "the end")
        await stage.shows("the end")
        assert longest < 0.25  # 10 ms of taking in; the rest is a slow machine's
        assert len(stage.app.current.model) <= 20_500
        assert sum(entry.size for entry in stage.app.current.model) <= 33 * 1024 * 1024

    play(scene)


def test_what_waits_for_a_frame_is_bounded() -> None:
    async def scene(stage: Stage) -> None:
        tab = stage.app.current
        most = 0
        for number in range(6000):
            stage.room.happens(Received(stage.room.message("bob", f"m {number}.")))
        while stage.room._queue.qsize():
            most = max(most, len(tab.inbox))
            await stage.pilot.pause()
        await stage.shows("m 5999.")
        assert most <= 2000

    play(scene)


def test_a_thousand_members_are_cheap() -> None:
    room = FakeRoom()

    async def scene(stage: Stage) -> None:
        for number in range(4000):
            room.joins(f"member {number}")
        await stage.shows("Here 4001", "more")

    play(scene, room)
