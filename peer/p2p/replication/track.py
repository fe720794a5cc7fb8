"""A track: one log and how it is followed; and a hole in it that nobody can fill, and how long that has been so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sandpiper.common.frontier import Frontier
from sandpiper.common.limits import BEACON_S, LOST_LOOK_S
from sandpiper.common.p2p.envelope import Envelope
from sandpiper.common.repair import Repair
from sandpiper.peer.p2p.replication.log import Log

FOR_EVER: Final = 1 << 62


@dataclass(slots=True)
class Hole:
    """`waited_s` is for how long there has been nobody to ask for what comes next, as far as the process has run."""

    waited_s: float = 0.0
    _seen_at: float | None = None
    _asked: set[bytes] = field(default_factory=set)
    _twice: bool = False

    def observe(self, now: float, *, waits: bool) -> None:
        """Counts the time that the hole has been there. A process that was stopped meanwhile has not waited."""
        if self._seen_at is not None:
            self.waited_s += min(now - self._seen_at, LOST_LOOK_S)
        self._seen_at = now
        if not waits:
            self.waited_s = 0.0

    def pause(self) -> None:
        """Stops counting: there is somebody to ask."""
        self._seen_at = None

    def whom_to_ask(self, here: list[bytes], patience_s: float) -> list[bytes]:
        """The members to ask now: those who were not asked yet, and all once more before the hole is given up."""
        late = self.waited_s >= patience_s - LOST_LOOK_S
        asked = here if late and not self._twice else [each for each in here if each not in self._asked]
        self._twice = self._twice or late
        self._asked.update(asked)
        if asked:
            self.waited_s = min(self.waited_s, max(patience_s - LOST_LOOK_S, 0.0))  # for the answer
        return asked

    def over(self, patience_s: float) -> bool:
        """Whether the hole has been waited for long enough."""
        return self.waited_s >= patience_s


@dataclass(slots=True)
class Track:
    """`claims`: who says to have more of it than we do, up to where.

    `limit`: the last entry that may count, by a removal.

    `marks` are where it stood at moments after which it moved on (see `Replica.moment`).

    `lacking` are those asked in vain for what comes next, each with the first seq that it can give (0: it has not
    answered). `gave_up_at` is when an earlier hole was given up.
    """

    log: Log
    repair: Repair[Envelope]
    claims: dict[bytes, int] = field(default_factory=dict)
    lacking: dict[bytes, int] = field(default_factory=dict)
    asked: bytes = b""
    limit: int = FOR_EVER
    stopped: bool = False
    marks: list[tuple[int, int]] = field(default_factory=list)
    held_bytes: int = 0
    hole: Hole = field(default_factory=Hole)
    gave_up_at: float = float("-inf")
    assumed: bool = False
    """Whether it begins where somebody else says: nobody is to be silenced by that."""
    doubted_at: float | None = None
    """Since when its session itself has said to stand before that."""

    @classmethod
    def beginning(cls, start: int, *, assumed: bool = False) -> Track:
        """A track of which nothing is here yet, and nothing before `start` is wanted."""
        return cls(Log(start), Repair(Frontier(start - 1)), assumed=assumed)

    def corrected(self, seq: int, now: float) -> Track | None:
        """Another track to follow from `seq` on, where its session says to stand, if only others said that it begins
        later; None as long as this one is right, or may be.
        """
        if not self.assumed or self.log.last is not None or not 0 <= seq < self.log.head:
            return None
        if self.doubted_at is None:
            self.doubted_at = now  # a beacon may have been under way
        if now - self.doubted_at < 2 * BEACON_S:
            return None
        other = Track.beginning(seq + 1)
        other.limit, other.stopped = self.limit, self.stopped
        return other

    def restrict(self, limit: int) -> None:
        """Lets the log count up to there only. What lies beyond is dropped, and none of it waited for."""
        self.limit = limit
        self.repair.frontier.cap(self.limit)

    def helped(self) -> None:
        """Forgets the hole: there is more of the log, or may be."""
        self.hole = Hole()
