"""File descriptors: none is left open, and whoever comes once they run short is turned away while the others stay."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandpiper.broker import guard, service
from sandpiper.broker.service import Config, Service
from tests.sockets.running import DEADLINE_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")


def open_files(pid: int | str = "self") -> int:
    """How many descriptors a process has (Linux)."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def config(data: Path) -> Config:
    return Config(
        host="127.0.0.1",
        port=0,
        data=data,
        access_code=None,
        plain=True,
        fsync=False,
        messages_per_s=5000,
        bytes_per_s=4e6,
        retain_messages=1000,
        retain_s=1000,
        metrics_port=None,
    )


@asynccontextmanager
async def serving(data: Path) -> AsyncIterator[Service]:
    """A broker in this process."""
    broker = Service(config(data))
    try:
        await broker.open()
        yield broker
    finally:
        await broker.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the guard asks no descriptor")
def test_a_broker_that_has_grown_looks_around_without_leaving_descriptors_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "GUARD_MARGIN_BYTES", -(1 << 40))  # as if many quiet clients had made it grow
    monkeypatch.setattr(guard, "GUARD_STEP_BYTES", -(1 << 40))
    monkeypatch.setattr(service, "GUARD_S", 3600.0)  # it is asked by the test alone

    async def run() -> None:
        async with serving(tmp_path / "data") as broker:
            host, _, port = broker.ready().door.rpartition(":")
            clients = [await asyncio.open_connection(host, int(port)) for _ in range(40)]
            for reader, writer in clients:
                writer.write(b'{"type":"join","room":"quiet"}\n')
                await reader.readline()
            looker = broker._guard
            assert looker is not None
            looker.look()
            before = open_files()
            for _ in range(50):
                looker.look()
            assert open_files() == before
            assert looker.cut == 0
            for _, writer in clients:
                writer.close()

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))
