"""Where the logs stand, as a beacon tells it: one by one where they move, and all the others in one sum.

A room's logs only become more: everybody who ever spoke has one. Told are those that have moved lately and those of
who is here; whoever hears it takes the same out of its own sum, and if what is left differs for long, the two tell each
other everything. So what somebody said who has gone is still repaired, and is spoken of only while it has to be.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from sandpiper.common.limits import STANDS, STANDS_MOVED, STANDS_S
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Frontier

if TYPE_CHECKING:
    from sandpiper.peer.p2p.replication.track import Track

Name: TypeAlias = "tuple[bytes, int]"
"""A log: its session and stream."""
SUM_BYTES: Final = 16


class Digest:
    """Says where the logs of `tracks` stand.

    Those that have grown, begin elsewhere, or may go only so far, are to be added to `moved`.
    """

    def __init__(self, tracks: dict[Name, Track]) -> None:
        self._tracks = tracks
        self.moved: dict[Name, None] = {}
        self._lately: dict[Name, float] = {}  # the last is the latest
        self._marks: dict[Name, int] = {}
        self._sum = 0
        self._turn = 0

    def frontiers(self, sessions: Iterable[bytes], now: float) -> list[Frontier]:
        """The logs that a beacon names: those that moved lately, and of these sessions some, in turn."""
        self._take_in()
        for name in self.moved:
            self._lately.pop(name, None)
            self._lately[name] = now
        self.moved.clear()
        while self._lately and now - self._lately[oldest := next(iter(self._lately))] >= STANDS_S:
            del self._lately[oldest]
        names = list(islice(reversed(self._lately), STANDS_MOVED))
        still = [name for session in sessions if (name := (session, TALK)) not in self._lately]
        if len(still) > STANDS:
            self._turn %= len(still)
            still = (still[self._turn :] + still[: self._turn])[:STANDS]
            self._turn += STANDS
        return self._stands(names + still)

    def all(self) -> list[Frontier]:
        """All logs, for a member that lacks something."""
        return self._stands(list(self._tracks))

    def sum(self, without: Iterable[Frontier]) -> bytes:
        """The sum over all logs but these: two members with the same logs have the same."""
        self._take_in()
        found = self._sum
        for name in {(each.session, each.stream) for each in without}:
            found ^= self._marks.get(name, 0)
        return found.to_bytes(SUM_BYTES, "big")

    def _take_in(self) -> None:
        for name in self.moved:
            track = self._tracks.get(name)
            head = min(track.log.head, track.limit) if track is not None and not track.stopped else 0
            mark = _mark(name, head) if head > 0 else 0
            self._sum ^= self._marks.pop(name, 0) ^ mark
            if mark:
                self._marks[name] = mark

    def _stands(self, names: list[Name]) -> list[Frontier]:
        return [
            Frontier(*name, track.log.head, track.log.hash)
            for name in names
            if (track := self._tracks.get(name)) is not None and track.log.last is not None
        ]


def _mark(name: Name, head: int) -> int:
    session, stream = name
    text = b"sandpiper stand v1\0" + session + bytes([stream]) + head.to_bytes(8, "big")
    return int.from_bytes(blake2b(text, digest_size=SUM_BYTES).digest(), "big")
