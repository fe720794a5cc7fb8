"""The pacer: newcomers at bound sockets of libzmq begin their handshakes a few at a time (see handshakes.py).

libzmq accepts whoever comes, and there is no option for what it does next. But the system wakes nobody for a
connection that has sent less than its low-water mark, and connections inherit that of the socket that they are
accepted from. Ours is more than anybody sends before he hears from us; so a newcomer lies still until his own mark is
put back to where it usually is. Only Linux does so: elsewhere all begin at once.
"""

from __future__ import annotations

import asyncio
import select
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import zmq

from sandpiper.common.connection_limits import household
from sandpiper.common.handshakes import Handshakes
from sandpiper.common.io.connections import borrowed, ends_of, peer_of, shut, unread
from sandpiper.common.io.sockets import explained
from sandpiper.common.limits import HANDSHAKE_FAR_TURN_S, HANDSHAKE_TURN_S, HANDSHAKES, HANDSHAKES_PER_S

_STILL_BYTES: Final = 16 * 1024
"""A greeting and CURVE's first command have 266, and a window less than this would have the system wake libzmq."""
_OVER: Final = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH


class Pacer:
    """The pacer of all sockets that share libzmq's threads. It is told what their monitors say of EVENTS."""

    EVENTS: Final = (
        zmq.EVENT_LISTENING | zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | _OVER if sys.platform == "linux" else 0
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handshakes = Handshakes(HANDSHAKES, HANDSHAKES_PER_S, unread=_has_unread, begin=self._wake)
        self._timer: asyncio.TimerHandle | None = None
        self._hasty = Hasty(loop, self._handshakes.waits) if sys.platform == "linux" else None

    @property
    def waiting(self) -> int:
        """Newcomers who have not begun."""
        return self._handshakes.waiting

    def heard(self, event: int, fd: int) -> None:
        """A monitor has said so. A number may be told late, and be something else's by now: none of this harms it."""
        now = self._loop.time()
        if event == zmq.EVENT_LISTENING:
            _mark(fd, _STILL_BYTES)
        elif event == zmq.EVENT_ACCEPTED:
            self._handshakes.come(fd, _home(fd), now)
            if self._hasty is not None and self._handshakes.waits(fd):
                self._hasty.add(fd)
        elif event == zmq.EVENT_DISCONNECTED:
            self._handshakes.gone(fd, now)
        elif event & _OVER:
            self._handshakes.done(now)
        self._set_timer()

    def close(self) -> None:
        """Lets nobody begin any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._hasty is not None:
            self._hasty.close()

    def _set_timer(self) -> None:
        due = self._handshakes.get_timer()
        if self._timer is not None and (due is None or due < self._timer.when()):
            self._timer.cancel()
            self._timer = None
        if due is not None and self._timer is None:
            self._timer = self._loop.call_at(due, self._due)

    def _due(self) -> None:
        self._timer = None
        self._handshakes.handle_timer(self._loop.time())
        self._set_timer()

    def _wake(self, fd: int) -> float:
        """Has one begin; how many seconds its turn has, 0 if it is not there any more."""
        if self._hasty is not None:
            self._hasty.forget(fd)
        if not _mark(fd, 1):
            return 0.0
        return HANDSHAKE_TURN_S if _is_near(*ends_of(fd)) else HANDSHAKE_FAR_TURN_S


class Hasty:
    """Shuts out who sends so much before his turn that the system wakes libzmq all the same. Linux only.

    `waits` says whether it is not a connection's turn yet. Raises SocketError.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, waits: Callable[[int], bool]) -> None:
        self._loop = loop
        self._waits = waits
        with explained("newcomers cannot be watched"):
            self._epoll = select.epoll()  # the low-water mark counts here as it does in libzmq's
        loop.add_reader(self._epoll.fileno(), self._look)

    def add(self, fd: int) -> None:
        """Adds a connection that waits. When it is closed, the system forgets it here too."""
        with suppress(OSError):  # it has gone already, or its number is a file's now
            self._epoll.register(fd, select.EPOLLIN | select.EPOLLET)

    def forget(self, fd: int) -> None:
        """Lets the connection send as much as it likes."""
        with suppress(OSError):
            self._epoll.unregister(fd)

    def close(self) -> None:
        """Shuts nobody out any more."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _look(self) -> None:
        for fd, _ in self._epoll.poll(0):
            if self._waits(fd):
                shut(fd)


def _home(fd: int) -> str:
    peer = peer_of(fd)
    return household(peer[0]) if isinstance(peer, tuple) else ""


def _is_near(own: object, other: object) -> bool:
    """Whether both ends are on this machine. A neighbour in its network is not, and has all the time he takes."""
    if not isinstance(own, tuple) or not isinstance(other, tuple):
        return False
    return own[0] == other[0] or household(other[0]) == "loopback"


def _mark(fd: int, octets: int) -> bool:
    """Sets the low-water mark; whether there is such a socket."""
    try:
        with borrowed(fd) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, octets)
    except OSError:
        return False
    return True


def _has_unread(fd: int) -> bool:
    return unread(fd) > 0
