"""Work that takes time and goes on beside the screen: questions to a room, commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sandpiper.common.errors import Refusal, SandpiperError


class Jobs:
    """The running jobs. The loop itself holds no task for good, so they are held here until they are done."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        """Runs a job that reports its own errors."""
        task = asyncio.get_running_loop().create_task(job)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def attempt(
        self, job: Coroutine[Any, Any, object], complain: Callable[[str], None], *, most_s: float | None
    ) -> None:
        """Runs a job for at most so many seconds; `complain` gets what went wrong, in words."""
        self.start(_attempted(job, complain, most_s))


async def _attempted(job: Coroutine[Any, Any, object], complain: Callable[[str], None], most_s: float | None) -> None:
    try:
        await asyncio.wait_for(job, most_s)
    except asyncio.TimeoutError:
        complain("no answer; try again")
    except Refusal as refusal:
        complain(refusal.text)
    except SandpiperError as error:
        complain(str(error))
