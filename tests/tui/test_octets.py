"""What a terminal is sent: octets, not time."""

from __future__ import annotations

from itertools import cycle
from random import Random

from rich.color import ColorSystem

from sandpiper.tui.framebuffer import Framebuffer, Part
from tests.tui.fake import FakeRoom
from tests.tui.stage import Stage, play

SIZE = (120, 40)
PER_MESSAGE = 1500
PER_IDLE_SECOND = 20


def words(number: int) -> str:
    """A message of the usual length, unlike others."""
    chosen = Random(number)
    lengths = [chosen.randint(2, 9) for _ in range(chosen.randint(8, 14))]
    return " ".join("".join(chosen.choices("abcdefghij", k=length)) for length in lengths) + f" {number}th"


class Meter:
    """A terminal that has been told all there is, and how much that was."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._framebuffer = Framebuffer(ColorSystem.TRUECOLOR, erases=True)
        self._framebuffer.resize(*SIZE)
        self.octets()

    def octets(self) -> int:
        """What has to be written by now."""
        app = self._stage.app
        self._framebuffer.scrolls = Part(*app.timeline.region)
        self._framebuffer.cursor = app.cursor_position
        for y, strip in enumerate(app.screen._compositor.render_strips(app.size)):
            self._framebuffer.put(0, y, strip)
        return len(self._framebuffer.changes().encode())


def test_a_message_costs_its_own_rows() -> None:
    async def scene(stage: Stage) -> None:
        room = stage.room
        for nick in ("bob", "carol", "dave"):
            room.joins(nick, rtt_ms=12.0)
        for number in range(40):
            room.says("bob", words(number))
        await stage.shows("39th", "Here 4")
        await stage.settle()
        meter = Meter(stage)
        for number in range(20):
            room.says(("bob", "carol")[number % 2], words(number + 100))
            await stage.shows(f"{number + 100}th")
            await stage.settle()
            assert 0 < meter.octets() <= PER_MESSAGE

    play(scene, size=SIZE)


def test_a_key_costs_what_it_types() -> None:
    async def scene(stage: Stage) -> None:
        meter = Meter(stage)
        await stage.types("a")
        await stage.shows("> a")
        meter.octets()  # the placeholder goes
        await stage.types("b")
        await stage.shows("> ab")
        assert meter.octets() < 100

    play(scene, size=SIZE)


def test_a_quiet_room_costs_next_to_nothing() -> None:
    async def scene(stage: Stage) -> None:
        room = stage.room
        for nick in ("bob", "carol", "dave"):
            room.joins(nick)
        await stage.shows("Here 4")
        await stage.settle()
        meter = Meter(stage)
        total, seconds = 0, 60
        for jitter in (time for time, _ in zip(cycle((1.1, 1.9, 1.4, 0.8, 1.6)), range(seconds))):
            room.rtt_ms = jitter
            for member in room.people:
                member.rtt_ms = jitter
            stage.app.current.members_due = 0.0
            stage.app.tick()
            await stage.settle()
            total += meter.octets()
        assert total <= PER_IDLE_SECOND * seconds

    play(scene, FakeRoom(), size=SIZE)
