"""A loop whose clock jumps to the next timer as soon as there is nothing to read, and counts how often it was woken.

So an hour in which nothing happens takes a moment. Only timers are to be under way: whoever waits for another process,
or for a thread, would see his time run out.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Hasty(selectors.DefaultSelector):
    """`woken` counts while it is `hasty`."""

    def __init__(self) -> None:
        super().__init__()
        self.hasty = False
        self.ahead_s = 0.0
        self.woken = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See selectors."""
        if not self.hasty:
            return super().select(timeout)
        found = super().select(0)
        waits = timeout is not None and timeout > 0
        if not found and timeout is not None:
            self.ahead_s += timeout
        self.woken += bool(found) or waits
        return found


@contextmanager
def hasty_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[asyncio.SelectorEventLoop, Hasty]]:
    """The loop, and its selector. The monotonic clock runs ahead with it."""
    selector = Hasty()
    loop = asyncio.SelectorEventLoop(selector)
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + selector.ahead_s)
    asyncio.set_event_loop(loop)
    try:
        yield loop, selector
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def wakes(loop: asyncio.SelectorEventLoop, selector: Hasty, seconds: float) -> float:
    """How often it was woken a second, in so many seconds."""
    selector.woken, selector.hasty = 0, True
    try:
        loop.run_until_complete(asyncio.sleep(seconds))
    finally:
        selector.hasty = False
    return selector.woken / seconds
