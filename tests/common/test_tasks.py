from __future__ import annotations

import asyncio

import pytest

from sandpiper.common.io.tasks import end, until_next


def test_a_task_that_swallows_a_cancellation_ends_all_the_same() -> None:
    async def run() -> None:
        swallowed = asyncio.Event()

        async def stubborn() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await asyncio.wait_for(end(task), 10)
        assert swallowed.is_set()
        assert task.cancelled()

    asyncio.run(run())


def test_what_has_ended_or_fails_is_no_trouble() -> None:
    async def run() -> None:
        async def fails() -> None:
            raise ValueError

        task = asyncio.create_task(fails())
        await end(None, task)
        await end(task)
        await end()

    asyncio.run(run())


def test_who_waits_for_the_same_period_is_woken_together() -> None:
    for now in (0.0, 0.5, 1.999, 2.0, 12345.678):
        left = until_next(2.0, now)
        assert 0 < left <= 2.0
        assert (now + left) % 2.0 == pytest.approx(0.0, abs=1e-6) or (now + left) % 2.0 == pytest.approx(2.0)
