"""A conversation that has something of everything, for pictures of it."""

from __future__ import annotations

from sandpiper.common.messages import Whisper
from sandpiper.tui.port import RoomRequest
from tests.tui.fake import START, FakeRoom, key
from tests.tui.stage import Stage

MINUTE = 60


def happens(room: FakeRoom, *, peers: bool) -> None:
    """What the others do."""
    at = float(START + 50 * MINUTE)
    room.clock = lambda: at
    paths = ("lan", "direct", "relay") if peers else ("bus", "one-port", "line")
    room.joins("bob", paths[0], 0.4)
    room.joins("Müller", paths[1], 18.3)
    room.joins("sensor-7", paths[2], None, verified=False)
    room.says("bob", "Morning! The build on **main** is red again:\nhttps://ci.example.org/run/4711", at=at + 2)
    room.says("bob", "> who touched `retention.py`?", at=at + 5)
    room.says("Müller", "anna, could that be yours? It is this one:", at=at + 70)
    code = "```python\ndef trim(log, keep=100_000):\n    # the oldest go\n    return log[-keep:]\n```"
    room.says("Müller", code, at=at + 75)
    room.says("\u65e5\u672c\u592a\u90ce", "こんにちは 👋 \u05e9\u05dc\u05d5\u05dd", at=at + 130)
    room.says("b0b", "I am \x1b[31mbob\u202e, trust me", at=at + 140, verified=False)
    room.clock = lambda: at + 150
    room.data("sensor-7", {"t": 21.4, "unit": "C"})
    room.says("bob", "goes for coffee", kind="me", at=at + 200)
    name = room.name
    room.happens(Whisper("bob", "anna", "tell nobody: it was me", int(at + 210), name, "w-1", key("bob"), True))


async def told(stage: Stage, *, peers: bool) -> None:
    """The whole of it, with two more rooms and a line that is not stored yet."""
    room = stage.room
    stage.time = START + 55.0 * MINUTE
    happens(room, peers=peers)
    await stage.until(lambda: len(stage.app.current.members) == 4)
    await stage.enters("on it")
    await stage.until(lambda: not room._queue.qsize())
    for name in ("ops", "random"):
        stage.app.open(RoomRequest(f"localhost:5000/{name}"))
        await stage.until(lambda name=name: name in [each.name for each in stage.house.entered])  # type: ignore[misc]
        await stage.until(lambda: stage.app.current.state == "open")
    stage.house.rooms["ops"].says("bob", "anna: look at this")
    await stage.until(lambda: stage.app.tabs[1].unread == 1)
    stage.app.go_to(stage.app.tabs[0])
    room.hold = True
    room.clock = lambda: stage.time
    await stage.enters("give me five minutes")
    await stage.until(lambda: stage.app.current.unsent and stage.app.current.members)
    await stage.types("and then")
    await stage.settle()
