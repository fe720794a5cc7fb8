"""Two small things that every connection of the door needs: pausing its reading, and a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class FlowControl:
    """Reading from one transport, paused for as long as anybody has a reason."""

    def __init__(self, transport: asyncio.ReadTransport) -> None:
        self._transport = transport
        self._reasons: set[str] = set()

    def pause(self, reason: str) -> None:
        """Stops reading. A transport that is closing does not mind."""
        if not self._reasons:
            self._transport.pause_reading()
        self._reasons.add(reason)

    def resume(self, reason: str) -> None:
        """Ends this reason; reading goes on when it was the last."""
        if reason in self._reasons:
            self._reasons.discard(reason)
            if not self._reasons:
                self._transport.resume_reading()


class Deadline:
    """A deadline: calls `expire` once it has been running for `seconds`. Starting and stopping it is nearly free.

    A timer is set only when none is pending, and looks when it fires whether it is still meant.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, expire: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._expire = expire
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether it is running."""
        return self._since is not None

    def start(self) -> None:
        """Runs from now, also when it was running already."""
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def stop(self) -> None:
        """Will not expire."""
        self._since = None

    def cancel(self) -> None:
        """Stops it for good, leaving no timer behind."""
        self._since = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._since is None:
            return
        left = self._since + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._since = None
            self._expire()
