"""A broker that is started while the machine's clock is years ahead: it removes nothing for its age."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.service import BrokerService
from sandpiper.broker.store.store import Store
from tests.sockets.running import DEADLINE_S
from tests.sockets.test_descriptors import config

YEARS_S = 3 * 365 * 86400.0
KEY = b"k" * 32
SEVERAL = 3


@asynccontextmanager
async def serving(data: Path) -> AsyncIterator[BrokerService]:
    broker = BrokerService(config(data))
    try:
        await broker.open()
        yield broker
    finally:
        await broker.close()


def test_a_log_and_the_keys_survive_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    filled = Store.open(data, fsync=False, boot_id="boot", new_run="a" * 32)
    block = LogBlock("lobby", 1, 5, int(time.time()), {"msg": 5}, b"body")
    filled.commit(Batch([block], {(KEY, "lobby"): 5}), time.time())
    filled.enrol(KEY, b"i" * 32, time.time())
    filled.close()

    kept, right = Store.retain, time.time
    looked = 0
    enough = asyncio.Event()

    def retain(store: Store, *words: Any) -> int:
        nonlocal looked
        looked += 1
        if looked % SEVERAL == 0:
            enough.set()
        return kept(store, *words)

    rested: list[float] = []
    monkeypatch.setattr(Store, "retain", retain)
    monkeypatch.setattr(Store, "rest", lambda store, now: rested.append(now))
    monkeypatch.setattr(time, "time", lambda: right() + YEARS_S)

    async def run() -> None:
        for _ in range(2):  # whoever starts it again does not make the clock right by it
            enough.clear()
            async with serving(data) as broker:
                await enough.wait()
                assert broker._store.page("lobby", 0, 100, 1 << 20).blocks == [(1, 5, b"body")]
                loaded = broker._store.load()
                assert loaded.enrolled == {KEY: b"i" * 32}
                assert loaded.publishers == {(KEY, "lobby"): 5}

    began = time.monotonic()
    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))
    assert all(began <= now <= time.monotonic() for now in rested), "how long nobody has written is no matter of dates"
