"""Background tasks and threads, and their end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

_AGAIN_S: Final = 0.2
Result = TypeVar("Result")


async def end(*tasks: asyncio.Future[Any] | None) -> None:
    """Cancels tasks, and returns when they have ended; what they raised is dropped.

    One cancellation may not do: before Python 3.12 `asyncio.wait_for` swallows it where it comes in the same turn as
    what it waits for (cpython#86296), and the task would go on for ever.
    """
    left = {task for task in tasks if task is not None}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=_AGAIN_S)
        for task in done:
            if not task.cancelled():
                task.exception()


async def to_its_end(work: Coroutine[Any, Any, Result] | asyncio.Future[Result]) -> Result:
    """Does `work` in a task of its own, however often whoever waits for it is cancelled, and passes that on afterwards.

    For letting go of things: a second cancellation (asyncio's at a loop's end, anyio's again and again) must not leave
    half of them behind.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = cancelled or error  # the same one goes on: anyio knows its own by their words
    if cancelled is not None:
        if not task.cancelled():
            task.exception()
        raise cancelled
    return task.result()


async def terminated(term: Callable[[], None]) -> None:
    """Calls a context's `term` in a thread, for it waits until what is queued has left.

    A thread of its own, and none where the machine gives no more (memory, `ulimit -u`): whoever ends must be able to.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result(None) if error is None else ended.set_exception(error)

    def work() -> None:
        error: BaseException | None = None
        try:
            term()
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(settle, error)

    try:
        threading.Thread(target=work, name="term", daemon=True).start()
    except RuntimeError:
        term()
    else:
        await ended
