"""The end of background tasks."""

from __future__ import annotations

import asyncio
from typing import Any, Final

_AGAIN_S: Final = 0.2


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
