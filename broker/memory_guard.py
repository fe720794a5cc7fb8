"""The guard: keeps unfinished messages, floods, and subscribers that do not read, from filling the memory.

libzmq's MAXMSGSIZE bounds a frame and its high-water marks count whole messages, so the parts of a message that
never ends bypass both, and no option stops them. Nor do they ever surface. Whole messages that come faster than they
are read have no high-water mark either (sockets.py says why). But the system knows what each connection has received,
and the bus what has come out: once the process has grown, the guard compares the two, and shuts the connections that
only take. A connection on which nothing has surfaced since the last look, while bytes came in, is in the middle of one
message: nothing can be interleaved with it. One from which far more came in than has surfaced sends faster than anybody
may. Likewise a subscriber whose system takes nothing off a full queue has stopped reading, and what waits for it in
libzmq is let go with its connection.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace

from sandpiper.broker.bus import Pair, Surfaced
from sandpiper.common.io.connections import ends_of, resident, shut, traffic
from sandpiper.common.limits import (
    GUARD_BEHIND_BYTES,
    GUARD_CONNECTION_BYTES,
    GUARD_IDLE_S,
    GUARD_MARGIN_BYTES,
    GUARD_MESSAGE_BYTES,
    GUARD_STALLED_S,
    GUARD_STEP_BYTES,
    GUARD_UNFINISHED_BYTES,
)


@dataclass(frozen=True, slots=True)
class _Known:
    """The last that is known of a connection: what it had received, and what had surfaced of it, when that last moved;
    and likewise what its other end had taken, at which time.

    `behind` are the octets that it had received, less those that had surfaced, when they were fewest; `most_behind` is
    how many more that may be, as its messages are.
    """

    received: int
    surfaced: Surfaced
    behind: int
    most_behind: int
    taken: int
    taken_at: float


class MemoryGuard:
    """Cuts connections of the bus that fill the memory.

    To be asked every GUARD_S while anything moves. `ports` are the bus's own.
    """

    def __init__(self, pairs: list[Pair], ports: set[int]) -> None:
        self._pairs = pairs
        self._ports = ports
        self._baseline = resident()
        self._armed = False
        self._compared_size = 0
        self._compared_at = 0.0
        self._unread = False
        self._known: dict[tuple[int, object], _Known] = {}
        self.cut = 0

    def check(self) -> int:
        """Shuts the connections that only take.

        Returns how many. Without a descriptor for asking the system nobody is, until there is one.
        """
        try:
            return self._check()
        except OSError:
            return 0

    def _check(self) -> int:
        # What the connections themselves take is no news: to look through a crowd for each 8 MiB of itself holds
        # everybody up, a tenth of a second for 5,000.
        size = resident() - GUARD_CONNECTION_BYTES * sum(pair.connections for pair in self._pairs)
        if not self._armed:
            if size - self._baseline <= GUARD_MARGIN_BYTES:
                return 0
            self._armed = True
            for pair in self._pairs:
                pair.account()
        now = time.monotonic()
        if size - self._compared_size < GUARD_STEP_BYTES and now - self._compared_at < GUARD_IDLE_S:
            return 0
        # A loop that was kept from the processor has not read what came in meanwhile: it does that first, for else
        # whoever sends many small messages looks like one whose message never ends.
        for pair in self._pairs:
            pair.catch_up()
        self._compared_size, self._compared_at = size, now
        cut = self._compare() if sys.platform == "linux" else self._rebind()
        self.cut += cut
        return cut

    def get_timer(self) -> float | None:
        """When to look though nothing moves: somebody did not read what waits, and may never."""
        return self._compared_at + GUARD_IDLE_S if self._unread else None

    def _compare(self) -> int:
        surfaced: dict[int, Surfaced] = {}
        for pair in self._pairs:
            for fd, out in pair.surfaced.items():  # the system gives a descriptor out again, perhaps to the other pair
                surfaced[fd] = surfaced.get(fd, Surfaced()).plus(out)
        cut = 0
        known, self._known = self._known, {}
        self._unread = False
        now = time.monotonic()
        for fd, peer in _connections(self._ports):
            received, taken, waiting = traffic(fd)
            if not received:
                continue  # gone meanwhile
            out = surfaced.get(fd, Surfaced())
            behind = received - out.octets
            before = known.get((fd, peer), _Known(received, out, behind, GUARD_BEHIND_BYTES, taken, now))
            if before.behind > behind:
                before = replace(before, behind=behind)
            if before.surfaced != out:
                most_behind = _most_behind(before.surfaced, out)
                before = replace(before, received=received, surfaced=out, most_behind=most_behind)
            if before.taken != taken or not waiting:
                before = replace(before, taken=taken, taken_at=now)
            unfinished = received - before.received > GUARD_UNFINISHED_BYTES
            if unfinished or behind - before.behind > before.most_behind or now - before.taken_at > GUARD_STALLED_S:
                cut += shut(fd)
            else:
                self._known[fd, peer] = before
                self._unread = self._unread or waiting > 0
        return cut

    def _rebind(self) -> int:
        """Without the system's count nobody can be told apart: cut everyone once, and take that as the new normal."""
        for pair in self._pairs:
            pair.rebind()
        self._baseline = resident()
        return 1


def _most_behind(before: Surfaced, now: Surfaced) -> int:
    """How many octets may wait, if messages are of the size that has just come out."""
    octets, messages = now.octets - before.octets, now.messages - before.messages
    return GUARD_BEHIND_BYTES * octets // (octets + messages * GUARD_MESSAGE_BYTES)


def _connections(ports: set[int]) -> list[tuple[int, object]]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        own, peer = ends_of(int(name))
        if isinstance(own, tuple) and peer is not None and own[1] in ports:
            found.append((int(name), peer))
    return found
