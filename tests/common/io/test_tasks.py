from __future__ import annotations

import asyncio

import pytest

from sandpiper.common.io.tasks import end, to_its_end


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


def test_what_must_be_done_is_done_however_often_whoever_waits_is_cancelled() -> None:
    async def run() -> None:
        go_on, done = asyncio.Event(), asyncio.Event()

        async def work() -> str:
            await go_on.wait()
            done.set()
            return "done"

        task = asyncio.create_task(to_its_end(work()))
        for word in ("once", "twice", "again"):
            await asyncio.sleep(0)
            task.cancel(word)
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError, match="once"):
            await task
        assert done.is_set()

        go_on.set()
        assert await to_its_end(work()) == "done"

    asyncio.run(run())
