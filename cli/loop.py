"""Running a coroutine on the kind of loop that ZeroMQ's sockets need."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
_WAKE_S = 0.25


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """As asyncio.run, on a selector loop: the Windows default has no add_reader."""
    if sys.platform == "win32":
        main = _wakeful(main)
        if sys.version_info < (3, 12):
            asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    if sys.version_info >= (3, 12):
        return asyncio.run(main, loop_factory=asyncio.SelectorEventLoop)
    return asyncio.run(main)


async def _wakeful(main: Coroutine[Any, Any, Result]) -> Result:
    """Wakes the loop now and then, because select() on Windows is not interrupted by Ctrl-C."""
    waking = asyncio.create_task(_wake())
    try:
        return await main
    finally:
        waking.cancel()


async def _wake() -> None:
    while True:  # noqa: ASYNC110  # there is no event to wait for
        await asyncio.sleep(_WAKE_S)
