"""File descriptors of this process: its limit, whether there are enough to begin with, and turning people away."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import time
from typing import Final

from sandpiper.common.descriptors import DescriptorShares, Seldom
from sandpiper.common.errors import SandpiperError

log = logging.getLogger("sandpiper.descriptors")

_NAMES = ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "WSAEMFILE", "WSAENOBUFS")  # the last two are Windows'
EXHAUSTED: Final = frozenset(getattr(errno, name) for name in _NAMES if hasattr(errno, name))
"""The system has nothing left for another connection."""
_ZMTP_FIRST: Final = b"\xff"
_FILES: Final = 10_240  # what macOS allows at most


class Descriptors:
    """The descriptors of a process as one service sees them.

    Whoever accepts connections asks it, and tells it whom it turned away.
    """

    def __init__(self) -> None:
        limit = file_limit()
        self.allotment = DescriptorShares(limit)
        self.refused = 0
        self._seldom = Seldom()

    def turned_away(self) -> None:
        """Counts a connection that was refused for want of descriptors."""
        self.refused += 1
        if self._seldom.due(time.monotonic()):
            log.warning(
                "short of file descriptors: newcomers are turned away, %d since the start; what is left of the %s that "
                "this process may have is for those who are here; allow it more, by `ulimit -n` or LimitNOFILE=",
                self.refused,
                self.allotment.limit,
            )


class Spare:
    """A descriptor that is kept, to be given up for a moment when there is no other: to accept somebody and refuse."""

    def __init__(self) -> None:
        self._fd: int | None = None
        self._take()

    def accept(self, listener: socket.socket) -> socket.socket | None:
        """The next who waits at `listener`, to be let go at once; None if nobody does. Raises OSError."""
        self.close()
        try:
            return listener.accept()[0]
        except (BlockingIOError, ConnectionAbortedError):
            return None

    def keep(self) -> None:
        """Takes the descriptor again."""
        if self._fd is None:
            self._take()

    def close(self) -> None:
        """Gives the descriptor up."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            self._fd = os.open(os.devnull, os.O_RDONLY)


def dismiss(connection: socket.socket, words: bytes = b"") -> None:
    """Says `words` to somebody, if the system takes them at once, and hangs up. Whoever has begun to speak ZeroMQ is
    told nothing: libzmq would never try again.
    """
    with connection, contextlib.suppress(OSError):
        connection.setblocking(False)
        if words and not _first(connection).startswith(_ZMTP_FIRST):
            connection.send(words)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)  # what was said unasked would undo our words, were it left unread


def _first(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return b""


def file_limit() -> int | None:
    """How many files this process may have open; None for any number."""
    try:
        import resource
    except ImportError:
        return None  # Windows has no such limit
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_file_limit() -> None:
    """Raises the limit of open files as far as the system lets us: each connection needs five."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def require(files: int) -> None:
    """Raises SandpiperError unless so many are free: libzmq ends a process that runs out in a bad moment."""
    limit = file_limit()
    if limit is None:
        return
    try:
        taken = os.open(os.devnull, os.O_RDONLY)  # the lowest number that is free
        os.close(taken)
    except OSError:
        taken = limit
    if limit - taken < files:
        raise SandpiperError(
            f"too few file descriptors: this process may have {limit}, {taken} of them are taken, and it needs {files} "
            f"more; allow it more, such as with `ulimit -n {max(1024, limit + files)}`"
        )
