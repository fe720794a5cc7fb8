"""libzmq's connections, seen from outside: it shows a message's file descriptor, and the system knows the rest.

A single connection of a bound socket cannot be closed through libzmq. Shutting its descriptor down can: libzmq sees
the end of the stream and cleans up as always.
"""

from __future__ import annotations

import os
import socket


class Connections:
    """Counts per connection. A descriptor that the system gives out again is told apart by its peer's address."""

    def __init__(self) -> None:
        self._counts: dict[int, tuple[object, int]] = {}

    def count(self, fd: int) -> int:
        """One more for this connection; how many it has now."""
        peer = peer_of(fd)
        known, counted = self._counts.get(fd, (peer, 0))
        counted = counted + 1 if known == peer else 1
        self._counts[fd] = (peer, counted)
        return counted

    @staticmethod
    def shut(fd: int) -> bool:
        """Ends the connection; whether there was one."""
        return shut(fd)


def peer_of(fd: int) -> object:
    """The other end's address, None if the connection has gone."""
    try:
        with socket.socket(fileno=os.dup(fd)) as copy:
            peer: object = copy.getpeername()
            return peer
    except OSError:
        return None


def shut(fd: int) -> bool:
    """Shuts the connection behind a descriptor down; whether there was one."""
    try:
        with socket.socket(fileno=os.dup(fd)) as copy:
            copy.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True
