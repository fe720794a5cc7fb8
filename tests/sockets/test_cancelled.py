"""Rooms that are left by cancellation, at whatever they wait for, once and again and again: nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandpiper.common.errors import Unreachable
from sandpiper.peer import Room, connect, create
from sandpiper.peer.profile import Profile
from tests.sockets.running import DEADLINE_S, RunningBroker, RunningDiscovery, running

AGAIN = 4
"""How many times more the cancellation comes, each as soon as the task waits again: so anyio does it."""


@types.coroutine
def stepped(work: Coroutine[Any, Any, None], waits: Callable[[], None]) -> Generator[Any, Any, None]:
    """`work`; calls `waits` before each time that it waits."""
    steps = work.__await__()
    thrown: BaseException | None = None
    while True:
        try:
            waited = steps.send(None) if thrown is None else steps.throw(thrown)
        except StopIteration:
            return
        thrown = None
        waits()
        try:
            yield waited
        except BaseException as error:
            thrown = error


class Canceller:
    """Cancels the current task at the `at`th time that it waits, and `again` times more after that."""

    def __init__(self, at: int, again: int) -> None:
        self.at = at
        self.waits = 0
        self._last = at + again

    def __call__(self) -> None:
        self.waits += 1
        task = asyncio.current_task()
        if self.at <= self.waits <= self._last and task is not None:
            task.cancel()


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


async def visit(make: Callable[[], Room]) -> None:
    async with make() as room:
        await room.post("one")
        await room.members()
        async for _ in room:
            break


async def cancelled_at(make: Callable[[], Room], at: int, again: int) -> int:
    """How often it waited; the task must end, in time, by its cancellation or because it was done."""
    canceller = Canceller(at, again)
    task = asyncio.get_running_loop().create_task(_run(make, canceller))
    done, _ = await asyncio.wait({task}, timeout=DEADLINE_S)
    assert done, f"cancelled at wait {at}, it does not end"
    if not task.cancelled():
        error = task.exception()
        assert error is None or isinstance(error, Unreachable), error
    return canceller.waits


async def _run(make: Callable[[], Room], canceller: Canceller) -> None:
    await stepped(visit(make), canceller)


async def everywhere(make: Callable[[], Room]) -> None:
    await cancelled_at(make, 1_000_000, 0)  # what is made at the first use is there now
    before = descriptors()
    for again in (0, AGAIN):
        at = 1
        while await cancelled_at(make, at, again) >= at:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            assert not others, (at, again, [task.get_coro() for task in others])
            assert descriptors() <= before, (at, again)
            at += 1


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    folder: Path = tmp_path_factory.mktemp("cancelled")
    with running(folder / "data") as broker:
        yield broker


@pytest.fixture(scope="module")
def discovery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDiscovery]:
    service = RunningDiscovery(tmp_path_factory.mktemp("met") / "data")
    yield service
    service.stop()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted in /proc")
def test_at_a_broker(broker: RunningBroker) -> None:
    count = itertools.count()

    def make() -> Room:
        return connect(f"{broker.door}/cancelled", nick=f"bot{next(count)}", profile=Profile.ephemeral())

    async def run() -> None:
        await everywhere(make)
        async with connect(f"{broker.door}/cancelled", nick="watch", profile=Profile.ephemeral()) as room:
            while [member.nick for member in await room.members()] != ["watch"]:
                await asyncio.wait_for(room.__anext__(), DEADLINE_S)  # the last one's goodbye is on its way

    asyncio.run(run())


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are counted in /proc")
def test_between_peers(discovery: RunningDiscovery) -> None:
    def make() -> Room:
        return create(nick="bot", local=True, discovery=discovery.door, profile=Profile.ephemeral())

    asyncio.run(everywhere(make))
