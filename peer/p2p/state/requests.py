"""Requests: the numbers of what one peer asks, each of which is answered once."""

from __future__ import annotations

from dataclasses import dataclass

from sandpiper.common.limits import REQUESTS_KNOWN


@dataclass(slots=True)
class Requests:
    """Keeps which of a peer's numbers have come, as a window below the highest (RFC 4303, 3.4.3). What a relay says
    again is not answered again, however often it does.
    """

    highest: int = 0
    _seen: int = 0  # bit n: highest - n has come

    def is_new(self, r: int) -> bool:
        """Takes a number; returns whether it comes for the first time."""
        if r > self.highest:
            shift = r - self.highest
            self._seen = (self._seen << shift | 1) & (1 << REQUESTS_KNOWN) - 1 if shift < REQUESTS_KNOWN else 1
            self.highest = r
            return True
        bit = self.highest - r
        if bit >= REQUESTS_KNOWN or self._seen >> bit & 1:
            return False
        self._seen |= 1 << bit
        return True
