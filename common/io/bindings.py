"""The endpoints where sockets are bound, to be bound anew when the sockets are to be rid of their connections.

libzmq cannot cut a single connection, but an endpoint that is closed and opened again has cut them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import zmq

from sandpiper.common.io.sockets import Socket
from sandpiper.common.limits import REBIND_S


class Bindings:
    """Keeps endpoints that its owner has bound. `shut` is called when all connections have been cut, `opened` whenever
    an endpoint has been bound again.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        shut: Callable[[], None] = lambda: None,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._told_shut = shut
        self._told_opened = opened
        self._bound: list[tuple[Socket, str]] = []
        self._shut: list[tuple[Socket, str]] = []
        self._retry: asyncio.TimerHandle | None = None

    def add(self, socket: Socket, endpoint: str) -> None:
        """The socket is bound there."""
        self._bound.append((socket, endpoint))

    def rebind(self) -> None:
        """Cuts all connections; whoever is admitted is back in a moment."""
        for socket, endpoint in self._bound:
            if (socket, endpoint) not in self._shut:
                socket.unbind(endpoint)
        self._shut = list(self._bound)
        self._told_shut()
        if self._retry is not None:
            self._retry.cancel()
        self._reopen()

    def close(self) -> None:
        """Tries no more. The sockets stay their owner's."""
        self._bound = []
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _reopen(self) -> None:
        """A listener is closed when libzmq's own thread gets to it: until then its port is in use."""
        left = [(socket, endpoint) for socket, endpoint in self._shut if not _bind(socket, endpoint)]
        if len(left) < len(self._shut):
            self._told_opened()
        self._shut = left
        self._retry = self._loop.call_later(REBIND_S, self._reopen) if left else None


def _bind(socket: Socket, endpoint: str) -> bool:
    try:
        socket.bind(endpoint)
    except zmq.ZMQError:
        return False
    return True
