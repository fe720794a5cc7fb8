"""The flood guard: finds the connections on which a message never ends, or more comes than can be read.

libzmq's MAXMSGSIZE bounds a frame and its high-water marks count whole messages, so the parts of a message that never
ends bypass both, and no option stops them. But the system knows what a connection has received, and we what has come
out of it: while nothing comes out, all that comes in is one message. Looked at twice, for a loop that was busy may not
have read what is there. And while all of it has not been read at any moment, what comes in piles up in libzmq, which
has no bound for it (sockets.py says why).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from sandpiper.common.io.connections import peer_of, resident, traffic
from sandpiper.common.limits import GUARD_MARGIN_BYTES, MESH_FLOOD_BYTES, MESH_UNFINISHED_BYTES


class Flow(NamedTuple):
    """A connection's file descriptor, how many messages have come out of it, and how often all had been read."""

    fd: int
    surfaced: int
    empties: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """The counters of a connection when a message last came out of it, and when all had last been read."""

    surfaced: int
    received: int
    empties: int
    received_at_empty: int
    suspected: bool = False


class FloodGuard:
    """Checks the connections of a mesh when told to, every MESH_GUARD_S while anything comes in. Only on Linux."""

    def __init__(self, flows: Callable[[], Iterable[Flow]]) -> None:
        self._flows = flows
        self._baseline = resident()
        self._marks: dict[tuple[int, object], _Mark] = {}

    @property
    def suspects(self) -> bool:
        """Whether to check again though nothing more may come: a connection was suspected."""
        return any(mark.suspected for mark in self._marks.values())

    def check(self) -> set[int]:
        """The descriptors of connections to be cut; none if there is no descriptor left for asking the system."""
        if not self._has_grown():
            self._marks = {}
            return set()
        marks, found = {}, set()
        for fd, surfaced, empties in self._flows():
            peer = peer_of(fd)
            if peer is None:
                continue
            received, _, _ = traffic(fd)
            mark = self._marks.get((fd, peer), _Mark(surfaced, received, empties, received))
            if mark.empties != empties:
                mark = replace(mark, empties=empties, received_at_empty=received)
            elif received - mark.received_at_empty > MESH_FLOOD_BYTES:
                found.add(fd)
                continue
            if mark.surfaced != surfaced:
                mark = replace(mark, surfaced=surfaced, received=received, suspected=False)
            elif received - mark.received > MESH_UNFINISHED_BYTES:
                if mark.suspected:
                    found.add(fd)
                    continue
                mark = replace(mark, suspected=True)
            marks[fd, peer] = mark
        self._marks = marks
        return found

    def _has_grown(self) -> bool:
        try:
            return sys.platform == "linux" and resident() - self._baseline > GUARD_MARGIN_BYTES
        except OSError:
            return False
