"""Publications: what goes together, what waits, and how each of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

import pytest

from sandpiper.common.errors import Code, Refusal, Rejected, RoomClosed, TrustError, Unreachable
from sandpiper.common.messages import MsgDraft
from sandpiper.peer.engine import Engine
from sandpiper.peer.events import Delivered, Failed
from sandpiper.peer.publishing import Publisher
from sandpiper.peer.status import RoomStatus

DEADLINE_S = 20.0


class Counting:
    """An engine that counts flushes, and stores nothing."""

    def __init__(self) -> None:
        self.outlet = self
        self.posted = self.flushes = 0
        self.full = False
        self.empty = True
        self.broken: Exception | None = None
        self.progressed_at = 0.0
        self.status = RoomStatus(name="lobby", where="broker:5000", nick="bob", fingerprint="b" * 24, path="bus")
        self.moved = asyncio.Event()

    def post(self, draft: object, now: float) -> str:
        self.posted += 1
        return f"id-{self.posted}"

    def flush(self, now: float) -> None:
        self.flushes += 1


def make() -> tuple[Publisher, Counting]:
    engine = Counting()
    return Publisher(cast(Engine, engine)), engine


def play(scene: Awaitable[None]) -> None:
    async def timed() -> None:
        await asyncio.wait_for(scene, DEADLINE_S)

    asyncio.run(timed())


def test_at_rest_a_message_goes_at_once_and_what_is_posted_in_the_same_turn_goes_together() -> None:
    async def scene() -> None:
        publisher, engine = make()
        for _ in range(5):
            publisher.post(MsgDraft(text="x"))
        assert engine.flushes == 1
        await asyncio.sleep(0)
        assert engine.flushes == 2
        publisher.post(MsgDraft(text="x"))  # others are under way: the turn is waited for
        assert engine.flushes == 2
        await asyncio.sleep(0)
        assert engine.flushes == 3

    play(scene())


def test_a_full_window_is_waited_for() -> None:
    async def scene() -> None:
        publisher, engine = make()
        assert not publisher.full
        engine.full = True
        assert publisher.full
        waiting = asyncio.ensure_future(publisher.until_room())
        for _ in range(3):
            await asyncio.sleep(0)
        assert not waiting.done()
        engine.full = False
        engine.moved.set()
        await waiting

    play(scene())


def test_each_publication_ends_as_the_engine_says() -> None:
    async def scene() -> None:
        publisher, _ = make()
        stored, refused, abandoned = (publisher.post(MsgDraft(text="x")) for _ in range(3))
        publisher.settle(Delivered(stored.id, 7))
        publisher.settle(Failed(refused.id, "too_large", "too large"))
        publisher.settle(Delivered("unknown", 1))
        assert await stored == 7
        with pytest.raises(Refusal, match="too large") as raised:
            await refused
        assert raised.value.code is Code.TOO_LARGE
        assert not abandoned.done
        publisher.abandon(RoomClosed("closed"))
        with pytest.raises(RoomClosed):
            await abandoned

    play(scene())


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        ({}, Unreachable, "broker:5000 has acknowledged nothing for 10 s; what was sent may be lost"),
        ({"trouble": "its cable is out"}, Unreachable, r"nothing for 10 s \(its cable is out\)"),
        ({"held": "its disk is full"}, Rejected, "has stored nothing for 10 s: its disk is full; try again later"),
        ({"held": "its disk is full", "trouble": "gone"}, Unreachable, r"\(gone\)"),
    ],
)
def test_a_flush_without_progress_says_why(status: dict[str, Any], error: type[Exception], says: str) -> None:
    async def scene() -> None:
        publisher, engine = make()
        await publisher.flush()  # nothing was posted
        engine.empty = False
        known: dict[str, Any] = {"name": "lobby", "where": "broker:5000", "nick": "", "fingerprint": "", "path": "bus"}
        engine.status = RoomStatus(**known, **status)
        with pytest.raises(error, match=says):
            await publisher.flush()
        engine.status = RoomStatus(**known, alone=True)
        await publisher.flush()  # nobody is there to store it

    play(scene())


def test_nothing_is_posted_to_an_engine_that_is_broken_or_closed() -> None:
    async def scene() -> None:
        publisher, engine = make()
        engine.broken = TrustError("another key")
        with pytest.raises(TrustError):
            publisher.post(MsgDraft(text="x"))
        engine.broken = None
        publisher.post(MsgDraft(text="x"))
        publisher.post(MsgDraft(text="x"))
        publisher.close()
        with pytest.raises(RoomClosed):
            publisher.post(MsgDraft(text="x"))
        await asyncio.sleep(0)
        assert engine.flushes == 1, "what had not gone does not go any more"

    play(scene())
