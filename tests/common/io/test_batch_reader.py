"""A drain that keeps: quicker than its reader, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import zmq

from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.sockets import context

DEADLINE_S = 10.0
KEEP_BYTES = 100_000


class Reader:
    """What a drain hands over, and waiting for it."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self._turned = asyncio.Event()

    def receive(self, batch: list[list[zmq.Frame]]) -> None:
        self.came += [part.bytes for (part,) in batch]
        self._turned.set()

    async def until(self, count: int) -> None:
        while len(self.came) < count:
            self._turned.clear()
            await asyncio.wait_for(self._turned.wait(), DEADLINE_S)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, DEADLINE_S))


async def emptied(drain: BatchReader, times: int = 1) -> None:
    """Until the drain has found nothing more in libzmq's queue."""
    before = drain.empties
    drain.poll()
    while drain.empties < before + times:  # noqa: ASYNC110  # it has no event of its own
        await asyncio.sleep(0)


def test_held_back_it_reads_on_keeps_so_much_and_drops_the_rest() -> None:
    async def test() -> None:
        reader = Reader()
        with context() as ctx, ctx.socket(zmq.PAIR) as out, ctx.socket(zmq.PAIR) as into:
            into.setsockopt(zmq.RCVHWM, 0)
            into.bind("inproc://drained")
            out.connect("inproc://drained")
            drain = BatchReader(asyncio.get_running_loop(), into, reader.receive, parts=1, most=10, keep=KEEP_BYTES)
            drain.pause(True)
            for number in range(1000):
                out.send(b"%d" % number + bytes(1000))
            await emptied(drain)
            assert reader.came == []
            assert drain.messages == 1000
            kept = 1000 - drain.dropped
            assert KEEP_BYTES / 2000 < kept < KEEP_BYTES / 1000
            drain.pause(False)
            await reader.until(kept)
            out.send(b"next")
            await reader.until(kept + 1)
            assert [int(each.rstrip(b"\0")) for each in reader.came[:-1]] == list(range(kept))
            assert reader.came[-1] == b"next"
            drain.close()

    run(test())


def test_a_reader_that_fails_costs_what_it_was_given_and_no_more() -> None:
    async def test() -> None:
        came: list[bytes] = []
        done = asyncio.Event()

        def receive(batch: list[list[zmq.Frame]]) -> None:
            came.extend(part.bytes for (part,) in batch)
            if len(came) == 40:
                done.set()
            raise ValueError("a mistake of ours")

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: None)
        with context() as ctx, ctx.socket(zmq.PAIR) as out, ctx.socket(zmq.PAIR) as into:
            into.bind("inproc://drained")
            out.connect("inproc://drained")
            for number in range(40):
                out.send(b"%d" % number)
            drain = BatchReader(loop, into, receive, parts=1, most=10, keep=KEEP_BYTES)
            await asyncio.wait_for(done.wait(), DEADLINE_S)
            assert came == [b"%d" % number for number in range(40)]
            drain.close()

    run(test())
