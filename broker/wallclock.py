"""The wall clock, and whether to believe it: what has aged is removed for good, and a clock may be set wrong.

It is measured against the monotonic one. Who sets it, or a machine that wakes up, makes it jump; from then on it has to
stay for a while before anything is removed for its age. So it has at a start, for it may have been set while no broker
ran; unless it goes on from where the broker before this one has seen it.
"""

from __future__ import annotations

from sandpiper.broker.records import ClockRecord
from sandpiper.common.limits import CLOCK_GAP_S, CLOCK_JUMP_S, CLOCK_TRUST_S


class WallClock:
    """A wall clock, and whether to believe it.

    All times in seconds: `wall` since 1970, `now` monotonic. `before` is what the broker before this one kept.
    """

    def __init__(self, wall: float, now: float, before: ClockRecord | None = None) -> None:
        self._offset = wall - now
        self._steady_since = now
        if before is not None and -CLOCK_JUMP_S < wall - before.seen < CLOCK_GAP_S:
            self._steady_since -= max(wall - before.since, 0.0)

    def observe(self, wall: float, now: float) -> float:
        """To be called often: by how much the clock has been set since the last time; 0.0 if it has not."""
        jump, self._offset = wall - now - self._offset, wall - now
        if abs(jump) < CLOCK_JUMP_S:
            return 0.0
        self._steady_since = now
        return jump

    def trusted(self, now: float, age_s: float) -> bool:
        """Whether what is older than `age_s` may be removed; of what is kept shortly the wait is short too."""
        return now - self._steady_since >= min(CLOCK_TRUST_S, age_s)

    def record(self, now: float) -> ClockRecord:
        """The record to keep for the broker that comes next."""
        return ClockRecord(self._steady_since + self._offset, now + self._offset)
