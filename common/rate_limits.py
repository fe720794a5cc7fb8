"""A bucket for each household, so that one cannot spend what belongs to the others."""

from __future__ import annotations

from sandpiper.common.buckets import Bucket
from sandpiper.common.connection_limits import household
from sandpiper.common.limits import PACES_MOST


class RateLimits:
    """A rate limit for each address: buckets of one rate.

    Of too many the oldest is forgotten, so that memory stays bounded.

    `loopback` is how much wider the bucket of this machine is, behind which a tunnel's many clients sit.
    """

    def __init__(self, rate: float, burst: float, *, loopback: float = 1.0) -> None:
        self._rate = rate
        self._burst = burst
        self._loopback = loopback
        self._buckets: dict[str, Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, address: str, n: float, now: float) -> float:
        """0.0 if `n` could be taken; else the seconds until they can be."""
        return self._bucket(address).take(n, now)

    def charge(self, address: str, n: float, now: float) -> float:
        """Takes `n` whatever is there; the seconds until the household is out of debt."""
        return self._bucket(address).charge(n, now)

    def give_back(self, address: str, n: float, now: float) -> None:
        """Gives back what was taken."""
        bucket = self._buckets.get(household(address))
        if bucket is not None:
            bucket.charge(-n, now)

    def debt(self, address: str, now: float) -> float:
        """The seconds until the household is out of debt; nothing is taken, and nothing remembered."""
        bucket = self._buckets.get(household(address))
        return bucket.charge(0.0, now) if bucket else 0.0

    def _bucket(self, address: str) -> Bucket:
        home = household(address)
        bucket = self._buckets.get(home)
        if bucket is None:
            if len(self._buckets) >= PACES_MOST:
                del self._buckets[next(iter(self._buckets))]
            wider = self._loopback if home == "loopback" else 1.0
            bucket = self._buckets[home] = Bucket(self._rate * wider, self._burst * wider)
        return bucket
