"""The wall clock, and whether to believe it: what has aged is removed for good, and a clock may be set wrong.

It is measured against the monotonic one. Who sets it, or a machine that wakes up, makes it jump; from then on it has to
stay for a while before anything is removed for its age.
"""

from __future__ import annotations

from sandpiper.common.limits import CLOCK_JUMP_S, CLOCK_TRUST_S


class WallClock:
    """All times in seconds: `wall` since 1970, `now` monotonic."""

    def __init__(self, wall: float, now: float) -> None:
        self._offset = wall - now
        self._jumped_at: float | None = None

    def look(self, wall: float, now: float) -> float:
        """To be called often: by how much the clock has been set since the last time; 0.0 if it has not."""
        jump, self._offset = wall - now - self._offset, wall - now
        if abs(jump) < CLOCK_JUMP_S:
            return 0.0
        self._jumped_at = now
        return jump

    def trusted(self, now: float, age_s: float) -> bool:
        """Whether what is older than `age_s` may be removed; of what is kept shortly the wait is short too."""
        return self._jumped_at is None or now - self._jumped_at >= min(CLOCK_TRUST_S, age_s)
