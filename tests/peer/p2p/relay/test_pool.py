"""The relays of a room: which tags its links stay at while the room's key changes."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest

from sandpiper.common.errors import Unreachable
from sandpiper.common.limits import ANNOUNCED_BROKERS, ANNOUNCED_RETRY_MOST_S
from sandpiper.common.rendezvous import BrokerAt
from sandpiper.common.target import Target
from sandpiper.peer.p2p.relay.pool import RelayPool

NOBODY: Any = None


class Link:
    """A link that takes note of what it is told."""

    def __init__(self) -> None:
        self.attached: list[bytes] = []
        self.detached: list[bytes] = []
        self.left = asyncio.Event()

    async def attach(self, seed: bytes) -> None:
        self.attached.append(seed)

    def detach(self, seed: bytes) -> None:
        self.detached.append(seed)
        self.left.set()

    async def close(self) -> None:
        pass


def pool_with(link: Any) -> RelayPool:
    pool = RelayPool(NOBODY, NOBODY, lambda packet: None, lambda: None, lambda address: None)
    pool.links["broker:5000"] = (link, NOBODY)
    return pool


def test_an_old_tag_is_left_after_a_while_unless_it_is_the_present_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.relay.pool.RELAY_OLD_TAG_S", 0.0)

    async def scene() -> None:
        link = Link()
        pool = pool_with(link)
        for seed in (b"a", b"b", b"a"):  # of two owners' new keys the first has come back
            pool.attach(seed)
        await link.left.wait()
        assert not pool._old
        assert link.attached == [b"a", b"b", b"a"]
        assert link.detached == [b"b"]

    asyncio.run(asyncio.wait_for(scene(), 20.0))


def test_nothing_is_kept_of_the_tags_that_were_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        link = Link()
        pool = pool_with(link)
        for seed in (b"a", b"b") * 50:
            pool.attach(seed)
        assert len(pool._old) <= 2, "two keys that alternate wait once each"
        monkeypatch.setattr("sandpiper.peer.p2p.relay.pool.RELAY_OLD_TAG_S", 0.0)
        for number in range(50):
            pool.attach(b"%d" % number)
            await asyncio.sleep(0)
        waiting = [handle for handle in pool._old.values() if not handle.cancelled()]
        assert len(waiting) <= 4, "those that had their time are gone"
        await pool.close()

    asyncio.run(asyncio.wait_for(scene(), 20.0))


class Failing:
    """A link to nobody."""

    dialled: ClassVar[list[str]] = []

    def __init__(self, ctx: Any, target: Target, *_: Any, **__: Any) -> None:
        self._target = target

    async def open(self) -> None:
        self.dialled.append(self._target.address)
        raise Unreachable("nobody is there")


def test_whatever_services_announce_few_brokers_are_tried_and_ever_more_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rest, naps = asyncio.sleep, list[float]()

    async def slept(seconds: float) -> None:
        naps.append(seconds)
        await rest(0)

    async def scene() -> None:
        Failing.dialled.clear()
        monkeypatch.setattr("sandpiper.peer.p2p.relay.pool.RelayLink", Failing)
        monkeypatch.setattr(asyncio, "sleep", slept)
        pool = RelayPool(NOBODY, NOBODY, lambda packet: None, lambda: None, lambda address: None)
        for number in range(100):
            pool.announce([("203.0.113.1", [BrokerAt(f"198.51.100.{number}:5000"), BrokerAt(f"h{number}.example:25")])])
        assert len(pool._tasks) == 2
        while len(set(Failing.dialled)) < ANNOUNCED_BROKERS or max(naps) < ANNOUNCED_RETRY_MOST_S:
            await rest(0)
        assert len(set(Failing.dialled)) == len(pool.trouble) == ANNOUNCED_BROKERS
        assert not any(":25" in each for each in Failing.dialled)
        pool.announce([("203.0.113.1", [BrokerAt("198.51.100.200:5000")])])
        assert len(pool._tasks) == ANNOUNCED_BROKERS
        await pool.close()

    asyncio.run(asyncio.wait_for(scene(), 20.0))


def test_services_take_turns_with_the_brokers_that_they_announce(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        monkeypatch.setattr("sandpiper.peer.p2p.relay.pool.RelayLink", Failing)
        pool = RelayPool(NOBODY, NOBODY, lambda packet: None, lambda: None, lambda address: None)
        lies = [BrokerAt(f"198.51.100.{number}:5000") for number in range(8)]
        pool.announce([("203.0.113.1", lies), ("203.0.113.2", [BrokerAt("192.0.2.1:5000")])])
        assert list(pool._tasks) == ["198.51.100.0:5000", "192.0.2.1:5000"]
        await pool.close()

    asyncio.run(asyncio.wait_for(scene(), 20.0))
