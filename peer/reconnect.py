"""Reconnecting: a connection that is made again whenever it is lost; and the timer that drives what talks over it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from sandpiper.common.errors import SandpiperError, Unreachable
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import CONNECT_S, RECONNECT_LEAST_S, RECONNECT_MOST_S, RECONNECT_STEADY_S


class Reconnector:
    """Makes a connection, and makes it again whenever it is lost, with jitter, and with pauses that grow while attempts
    fail or what they make does not last.

    `attempt` makes one connection, or raises SandpiperError, and may leave one half made. `failed` is told why, and
    returns the least pause before the next attempt in seconds, or None for no other. Then `drop`, with the reason, lets
    go of what there is of a connection. `moved` is set when the connection is lost, too.
    """

    def __init__(
        self,
        attempt: Callable[[], Awaitable[None]],
        drop: Callable[[str], None],
        failed: Callable[[SandpiperError], float | None],
        moved: asyncio.Event | None = None,
    ) -> None:
        self._attempt = attempt
        self._drop = drop
        self._failed = failed
        self._moved = moved or asyncio.Event()
        self._lost = asyncio.Event()
        self._text = ""
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Makes the first attempt, and reconnects from then on.

        Raises what the attempt raised, and has dropped the connection then.
        """
        try:
            await self._attempt()
        except BaseException:
            self._drop("closed")
            raise
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Reconnects no more. The connection is the caller's to drop."""
        await end(self._task)
        self._task = None

    @property
    def opened(self) -> bool:
        """Whether the first attempt has succeeded."""
        return self._task is not None

    def lost(self, text: str) -> None:
        """The connection is lost: it is dropped soon, and another one made."""
        self._text = text
        self._lost.set()
        self._moved.set()

    async def until(self, done: Callable[[], bool], address: str) -> None:
        """Waits, in an attempt, until something that moves is `done`. Raises Unreachable."""
        deadline = time.monotonic() + 2 * CONNECT_S
        while not done():
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), deadline - time.monotonic())
            except asyncio.TimeoutError:
                raise Unreachable(f"{address} accepts connections, but does not answer further") from None
            if self._lost.is_set():
                raise Unreachable(f"{address}: {self._text}")

    async def _keep(self) -> None:
        short = 0  # connections in a row that did not last
        while True:
            since = time.monotonic()
            await self._lost.wait()
            self._drop(self._text)
            short = short + 1 if time.monotonic() - since < RECONNECT_STEADY_S else 0
            pause = min(RECONNECT_LEAST_S * 2 ** min(max(short - 1, 0), 16), RECONNECT_MOST_S)
            while True:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                self._lost.clear()
                try:
                    await self._attempt()
                    break
                except SandpiperError as error:
                    least = self._failed(error)
                    self._drop(str(error))
                    if least is None:
                        return
                    pause = max(min(pause * 2, RECONNECT_MOST_S), least)


class LazyTimer:
    """A timer that fires at the earliest of the times that it was set to, and calls `due` with the time of then.

    It is not moved to a later time. Where it fires too early, nothing is due and it is set anew, which is cheaper than
    to move it each time. `at` is when it fires, infinite for never.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[float], None]) -> None:
        self._loop = loop
        self._due = due
        self._timer: asyncio.TimerHandle | None = None
        self.at = float("inf")

    def set(self, at: float | None) -> None:
        """Fires at `at` (monotonic seconds) at the latest; None is never."""
        if at is None or at >= self.at:
            return
        self.cancel()
        self.at = at
        self._timer = self._loop.call_later(max(at - time.monotonic(), 0.0), self._fire)

    def cancel(self) -> None:
        """Does not fire, until it is set again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.at = None, float("inf")

    def _fire(self) -> None:
        self._timer, self.at = None, float("inf")
        self._due(time.monotonic())
