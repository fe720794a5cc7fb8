"""libzmq's connections, seen from outside: it shows a message's file descriptor, and the system knows the rest.

A single connection of a bound socket cannot be closed through libzmq. Shutting its descriptor down can: libzmq sees
the end of the stream and cleans up as always.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator

import zmq

_MAPPED = "::ffff:"
_TCP_INFO = 11
_SIOCOUTQ = 0x5411
_SIOCINQ = 0x541B
_ACKED_RECEIVED = struct.Struct("120xQQ")  # tcpi_bytes_acked and tcpi_bytes_received in Linux's struct tcp_info


class Connections:
    """Counters, one for each connection.

    A descriptor that the system gives out again is told apart by its peer's address.
    """

    def __init__(self) -> None:
        self._counts: dict[int, tuple[object, int]] = {}

    def count(self, fd: int) -> int:
        """Counts one more for this connection. Returns how many it has now."""
        peer = peer_of(fd)
        known, counted = self._counts.get(fd, (peer, 0))
        counted = counted + 1 if known == peer else 1
        self._counts[fd] = (peer, counted)
        return counted

    @staticmethod
    def shut(fd: int) -> bool:
        """Ends the connection. Returns whether there was one."""
        return shut(fd)


def source_of(part: zmq.Frame) -> int:
    """The descriptor of the connection that a frame came by; -1 for a peer of ZMTP 1 or 2, of which nothing tells."""
    try:
        return int(part.get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1


@contextlib.contextmanager
def borrowed(fd: int) -> Iterator[socket.socket]:
    """Lends a socket that belongs to somebody else, for a question or two; it stays open and theirs.

    Raises OSError where it is none.

    It is not duplicated: a duplicate would have to be closed on every way out, also where the descriptor turns out to
    be a file, and could not be had where there are no descriptors left.
    """
    if fd < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    connection = socket.socket(fileno=fd)
    try:
        yield connection
    finally:
        connection.detach()


def ends_of(fd: int) -> tuple[object, object]:
    """The addresses of this end and the other one, both None if that is no connection, or one that has gone.

    A socket for both families spells IPv4 as IPv6 (`::ffff:127.0.0.1`); here it is spelled as the other end does.
    """
    try:
        with borrowed(fd) as connection:
            if connection.type == socket.SOCK_STREAM:  # others, such as netlink's, have addresses of their own kind
                return _unmapped(connection.getsockname()), _unmapped(connection.getpeername())
    except OSError:
        pass
    return None, None


def _unmapped(address: object) -> object:
    if isinstance(address, tuple) and str(address[0]).startswith(_MAPPED):
        return address[0][len(_MAPPED) :], address[1]
    return address


def peer_of(fd: int) -> object:
    """The other end's address, None if the connection has gone."""
    return ends_of(fd)[1]


def shut(fd: int) -> bool:
    """Shuts the connection behind a descriptor down; whether there was one."""
    try:
        with borrowed(fd) as connection:
            connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True


def port_of(fd: int) -> int:
    """The TCP port of this end, 0 if it is no such connection."""
    own, _ = ends_of(fd)
    return int(own[1]) if isinstance(own, tuple) else 0


def traffic(fd: int) -> tuple[int, int, int]:
    """Bytes that this end received, that the other end took, and that wait for it in the system's queue. Linux only."""
    import fcntl

    try:
        with borrowed(fd) as connection:
            info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
            waiting = int.from_bytes(fcntl.ioctl(connection, _SIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0, 0, 0
    if len(info) < _ACKED_RECEIVED.size:
        return 0, 0, 0
    acked, received = _ACKED_RECEIVED.unpack_from(info)
    return received, acked, waiting


def unread(fd: int) -> int:
    """Bytes that have come in on a connection and that nobody has read; 0 if there is none. Linux only."""
    import fcntl

    try:
        return int.from_bytes(fcntl.ioctl(fd, _SIOCINQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0


def resident() -> int:
    """Bytes in memory; the peak so far where the system does not tell the present. Raises OSError."""
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
