"""Token buckets, with the time passed in.

A bucket is kept as the moment at which it will be full again (the generic cell rate algorithm, ITU-T I.371):
one number, no refilling, and taking is an addition and a comparison. An item larger than the whole burst is
let through a full bucket and leaves it in debt, so that nothing is refused for ever.
"""

from __future__ import annotations

from math import inf


def _seconds_each(rate: float) -> float:
    if not rate > 0:
        raise ValueError(f"a rate is above 0, or inf for no limit; not {rate}")
    return 1.0 / rate


class Bucket:
    """A token bucket: `rate` a second, `burst` at once; a rate of inf is no limit.

    Raises ValueError for a rate that is not above 0.
    """

    __slots__ = ("_burst_s", "_each_s", "_full_at")

    def __init__(self, rate: float, burst: float) -> None:
        self._each_s = _seconds_each(rate)
        self._burst_s = inf if rate == inf else burst / rate
        self._full_at = -inf

    def take(self, n: float, now: float) -> float:
        """0.0 if `n` could be taken; else the seconds until they can be, and nothing is taken."""
        full_at = self._full_at
        if full_at <= now:
            self._full_at = now + n * self._each_s
            return 0.0
        after = full_at + n * self._each_s
        wait = after - now - self._burst_s
        if wait <= 0.0:
            self._full_at = after
            return 0.0
        return min(wait, full_at - now)

    def wait(self, n: float, now: float) -> float:
        """The seconds until `n` could be taken; nothing is."""
        return max(0.0, min(self._full_at + n * self._each_s - now - self._burst_s, self._full_at - now))

    def charge(self, n: float, now: float) -> float:
        """Takes `n` whatever is there, or gives it back if negative; the seconds until the bucket is out of debt."""
        full_at = self._full_at = max(self._full_at, now) + n * self._each_s
        return max(0.0, full_at - now - self._burst_s)


class Meter:
    """The rates of a member, messages and bytes together: both must have room.

    A burst is `burst_s` seconds of each rate; a rate of inf is no limit. Raises ValueError as Bucket does.
    """

    __slots__ = ("_burst_s", "_byte_s", "_bytes_full_at", "_message_s", "_messages_full_at")

    def __init__(self, messages_per_s: float, bytes_per_s: float, burst_s: float) -> None:
        self._message_s = _seconds_each(messages_per_s)
        self._byte_s = _seconds_each(bytes_per_s)
        self._burst_s = burst_s
        self._messages_full_at = self._bytes_full_at = -inf

    def take(self, size: int, now: float, count: int = 1) -> float:
        """0.0 if `count` messages of `size` bytes in all may go; else the seconds until then, and nothing is taken.

        One message alone is let through a full bucket, however large; several only if all fit.
        """
        # Written out rather than two Buckets: this runs once a message, and a call costs more than all of it.
        messages = self._messages_full_at
        octets = self._bytes_full_at
        wait = 0.0
        if messages < now:
            messages = now
        messages_after = messages + count * self._message_s
        over = messages_after - now - self._burst_s
        if over > 0.0 and (count > 1 or messages > now):
            wait = over if count > 1 else min(over, messages - now)
        if octets < now:
            octets = now
        octets_after = octets + size * self._byte_s
        over = octets_after - now - self._burst_s
        if over > wait and (count > 1 or octets > now):
            wait = over if count > 1 else max(wait, min(over, octets - now))
        if wait > 0.0:
            return wait
        self._messages_full_at = messages_after
        self._bytes_full_at = octets_after
        return 0.0

    def charge(self, size: int, now: float) -> float:
        """Counts a message of `size` bytes whatever is there; the seconds until neither is in debt."""
        messages = self._messages_full_at = max(self._messages_full_at, now) + self._message_s
        octets = self._bytes_full_at = max(self._bytes_full_at, now) + size * self._byte_s
        return max(0.0, max(messages, octets) - now - self._burst_s)
