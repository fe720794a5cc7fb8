"""The guard: keeps unfinished messages from filling the memory.

libzmq's MAXMSGSIZE bounds a frame and its high-water marks count whole messages, so the parts of a message that
never ends bypass both, and no option stops them. Nor do they ever surface. But the system knows what each connection
has received, and the bus what has come out: once the process has grown, the guard compares the two, and shuts the
connections that only take. A connection on which nothing has surfaced since the last look, while bytes came in, is in
the middle of one message: nothing can be interleaved with it.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass

from sandpiper.broker.bus import Pair
from sandpiper.broker.connections import peer_of, shut
from sandpiper.common.limits import (
    GUARD_IDLE_LOOKS,
    GUARD_MARGIN_BYTES,
    GUARD_STEP_BYTES,
    GUARD_UNFINISHED_BYTES,
)

_TCP_INFO = 11
_BYTES_RECEIVED = struct.Struct("128xQ")  # tcpi_bytes_received in Linux's struct tcp_info


@dataclass(frozen=True, slots=True)
class _Known:
    """What a connection had received, and what had surfaced of it, when that last moved."""

    received: int
    surfaced: int


class Guard:
    """Looks every GUARD_S. `ports` are the bus's own."""

    def __init__(self, pairs: list[Pair], ports: set[int]) -> None:
        self._pairs = pairs
        self._ports = ports
        self._baseline = _resident()
        self._armed = False
        self._compared_at = 0
        self._idle_looks = 0
        self._known: dict[tuple[int, object], _Known] = {}
        self.cut = 0

    def look(self) -> int:
        """How many connections were shut."""
        resident = _resident()
        if not self._armed:
            if resident - self._baseline <= GUARD_MARGIN_BYTES:
                return 0
            self._armed = True
            for pair in self._pairs:
                pair.account()
        self._idle_looks += 1
        if resident - self._compared_at < GUARD_STEP_BYTES and self._idle_looks < GUARD_IDLE_LOOKS:
            return 0
        self._compared_at, self._idle_looks = resident, 0
        cut = self._compare() if sys.platform == "linux" else self._rebind()
        self.cut += cut
        return cut

    def _compare(self) -> int:
        surfaced: dict[int, int] = {}
        for pair in self._pairs:
            surfaced.update(pair.surfaced)
        cut = 0
        known, self._known = self._known, {}
        for fd, peer in _connections(self._ports):
            received, out = _received(fd), surfaced.get(fd, 0)
            before = known.get((fd, peer))
            if before is None or before.surfaced != out:
                self._known[fd, peer] = _Known(received, out)
            elif received - before.received > GUARD_UNFINISHED_BYTES:
                cut += shut(fd)
            else:
                self._known[fd, peer] = before
        return cut

    def _rebind(self) -> int:
        """Without the system's count nobody can be told apart: cut everyone once, and take that as the new normal."""
        for pair in self._pairs:
            pair.rebind()
        self._baseline = _resident()
        return 1


def _connections(ports: set[int]) -> list[tuple[int, object]]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            with socket.socket(fileno=os.dup(fd)) as copy:
                local = copy.getsockname()
        except OSError:
            continue
        peer = peer_of(fd)
        if peer is not None and isinstance(local, tuple) and local[1] in ports:
            found.append((fd, peer))
    return found


def _received(fd: int) -> int:
    try:
        with socket.socket(fileno=os.dup(fd)) as copy:
            info = copy.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
    except OSError:
        return 0
    return int(_BYTES_RECEIVED.unpack_from(info)[0]) if len(info) >= _BYTES_RECEIVED.size else 0


def _resident() -> int:
    """Bytes in memory; the peak so far where the system does not tell the present."""
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
