"""Activity: has somebody look when libzmq's connections move, not by the clock.

libzmq reads its connections in threads of its own and says nothing until a whole message is there, so whoever guards
the memory must look while data comes in. By the clock that would be 40 times a second for ever, with nobody there. So
the descriptors are watched by a second epoll as well, which the loop watches in turn.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sandpiper.common.io.sockets import explained

_AT_ONCE: Final = 16_384


class ActivityWatch:
    """A watch on connections: calls `look` when something moves after a pause, and every `every_s` for as long as it
    goes on.

    What moves are the connections given to `add`, and whatever is said by `stir`. `look` gives the time (of the loop's
    clock) at which it is to be called in any case, None for none. Where the system has no epoll it is called every
    `every_s` throughout. Raises SocketError.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, every_s: float, look: Callable[[], float | None]) -> None:
        self._loop = loop
        self._every_s = every_s
        self._work = look
        self._looked_at = float("-inf")
        self._stirred = False
        self._closed = False
        self._next: asyncio.TimerHandle | None = None  # while it goes on
        self._later: asyncio.TimerHandle | None = None  # what `look` asked for
        with explained("connections cannot be watched"):
            self._epoll = select.epoll() if hasattr(select, "epoll") else None
        self._rest()

    def add(self, fd: int) -> None:
        """Adds a connection of libzmq's. When it is closed, the system forgets it here too."""
        if self._epoll is None or self._closed:
            return
        # Edge-triggered, and for writing too: that is nearly always possible, so that each arrival is reported even
        # when libzmq's thread has been faster and left nothing to read.
        with suppress(OSError):  # it has gone already, or its number is a file's now
            self._epoll.register(fd, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def touch(self) -> None:
        """Says that something moves, as if it had come in."""
        self._stirred = True
        if self._next is None and not self._closed:
            self._moved()

    def close(self) -> None:
        """Ends the watch."""
        if self._closed:
            return
        self._closed = True
        for timer in (self._next, self._later):
            if timer is not None:
                timer.cancel()
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _moved(self) -> None:
        """The first that moves after a pause is looked at at once, so that a single packet costs no timer."""
        left = self._looked_at + self._every_s - self._loop.time()
        if left <= 0:
            self._look()
        else:
            self._go_on(left)

    def _look(self) -> None:
        self._looked_at = self._loop.time()
        self._has_moved()  # what has moved up to here, is looked at here
        if self._later is not None:
            self._later.cancel()
        due = self._work()
        self._later = None if due is None else self._loop.call_at(due, self._look)

    def _go_on(self, seconds: float) -> None:
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
        self._next = self._loop.call_later(seconds, self._again)

    def _again(self) -> None:
        self._next = None
        if self._has_moved():
            self._go_on(self._every_s)
        else:
            self._rest()
        self._look()

    def _rest(self) -> None:
        if self._epoll is not None:
            self._loop.add_reader(self._epoll.fileno(), self._moved)
        else:
            self._go_on(self._every_s)

    def _has_moved(self) -> bool:
        """Since it was last asked."""
        stirred, self._stirred = self._stirred, False
        arrived = self._epoll is None or bool(self._epoll.poll(0, _AT_ONCE))
        return stirred or arrived
