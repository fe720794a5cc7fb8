"""The plain doors with real sockets: what tools publish comes in, what is said goes out, rubbish stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.asyncio

from sandpiper.bridge.plain_bus import PlainBus
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.inner_endpoint import LOCAL
from sandpiper.common.io.sockets import context
from sandpiper.common.limits import FRAME_BYTES

DEADLINE_S = 10


class Doors:
    """A bus, and a tool at it."""

    def __init__(self, xsub: str, xpub: str) -> None:
        self.ctx = context()
        self.came: list[bytes] = []
        self.arrived = asyncio.Event()
        self.bus = PlainBus(asyncio.get_running_loop(), self.ctx, self._take, Descriptors())
        self.xsub, self.xpub = self.bus.bind(xsub, xpub)
        self.tools = zmq.asyncio.Context()
        self.hear = self.tools.socket(zmq.SUB)
        self.hear.linger = 0
        self.hear.subscribe(b"pine-ocean-42/")
        self.hear.connect(self.xpub)
        self.speak = self.tools.socket(zmq.XPUB)
        self.speak.linger = 0
        self.speak.connect(self.xsub)

    def _take(self, frames: list[bytes]) -> None:
        self.came += frames
        self.arrived.set()

    async def until(self, count: int) -> None:
        while len(self.came) < count:
            self.arrived.clear()
            await asyncio.wait_for(self.arrived.wait(), DEADLINE_S)

    async def meet(self) -> None:
        """Both ways are open."""
        assert await asyncio.wait_for(self.speak.recv(), DEADLINE_S) == b"\1"
        while not await self.hear.poll(20):
            self.bus.publish([b"pine-ocean-42/notice\0knock"])
        while await self.hear.poll(20):
            await self.hear.recv()

    def close(self) -> None:
        self.bus.close()
        self.hear.close()
        self.speak.close()
        self.tools.term()
        self.ctx.term()


@asynccontextmanager
async def doors(way: str, folder: Path) -> AsyncIterator[Doors]:
    if way == "ipc" and not LOCAL:
        pytest.skip("no sockets in the file system")
    where = ("tcp://127.0.0.1:*",) * 2 if way == "tcp" else (f"ipc://{folder}/s", f"ipc://{folder}/p")
    made = Doors(*where)
    try:
        await made.meet()
        yield made
    finally:
        made.close()


@pytest.fixture(params=["ipc", "tcp"])
def way(request: Any) -> str:
    return str(request.param)


def test_both_directions(way: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with doors(way, tmp_path) as made:
            if way == "tcp":
                assert made.xsub.startswith("tcp://127.0.0.1:"), "and not [::ffff:127.0.0.1], which some do not read"
            await made.speak.send(b"pine-ocean-42/msg\0one")
            await made.speak.send(b"another-room/msg\0two")
            await made.until(2)
            assert made.came == [b"pine-ocean-42/msg\0one", b"another-room/msg\0two"]
            made.bus.publish([b"pine-ocean-4/msg\0no", b"pine-ocean-42/msg\0yes"])
            assert await asyncio.wait_for(made.hear.recv(), DEADLINE_S) == b"pine-ocean-42/msg\0yes"

    asyncio.run(run())


def test_what_is_too_large_or_in_pieces_comes_to_nobody_and_the_next_does(way: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with doors(way, tmp_path) as made:
            await made.speak.send_multipart([b"pine-ocean-42/msg", b"in two"])
            await made.speak.send(b"pine-ocean-42/msg\0good")
            await made.until(1)
            assert made.came == [b"pine-ocean-42/msg\0good"]
            assert made.bus.multiparts == 1
            await made.speak.send(b"x" * (FRAME_BYTES + 1))  # libzmq cuts the connection for it, and makes it anew
            while len(made.came) < 2:
                await made.speak.send(b"pine-ocean-42/msg\0again")
                await asyncio.wait({asyncio.ensure_future(made.arrived.wait())}, timeout=0.05)
                made.arrived.clear()
            assert made.came[1] == b"pine-ocean-42/msg\0again"

    asyncio.run(run())


def test_held_back_is_not_lost(tmp_path: Path) -> None:
    async def run() -> None:
        async with doors("tcp", tmp_path) as made:
            made.bus.pause(True)
            for number in range(10):
                await made.speak.send(b"pine-ocean-42/msg\0%d" % number)
            assert not await made.hear.poll(50)
            assert made.came == []
            made.bus.pause(False)
            await made.until(10)
            assert len(made.came) == 10

    asyncio.run(run())
