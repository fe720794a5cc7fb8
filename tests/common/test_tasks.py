from __future__ import annotations

import asyncio

from sandpiper.common.io.tasks import end


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
