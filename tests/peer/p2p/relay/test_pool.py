"""The relays of a room: which tags its links stay at while the room's key changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

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
