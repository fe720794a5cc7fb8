"""The outbox: a publisher's messages, each kept until it is known to be stored elsewhere.

Publications are numbered from 1 and sent in order, at most a window of them unacknowledged and no faster than the
broker's rate. What is refused for now, or not answered in time, is sent again from the oldest on; the receiving end
takes no number past a hole, so resending never reorders, and a repeated number is answered with its first seq.
"""

from __future__ import annotations

import msgspec

from sandpiper.common.buckets import Meter
from sandpiper.common.limits import RESEND_AFTER_S, RESEND_MOST_S, WINDOW_BYTES, WINDOW_MESSAGES

_CALM_S = 0.25
"""A burst that meets a hole is refused as often as it has batches; one rewind answers them all."""


class _Unconfirmed(msgspec.Struct, gc=False):
    body: bytes
    sent_at: float = 0.0


class Outbox:
    """The publications of a session to one room that are not known to be stored yet."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Unconfirmed] = {}
        self._bytes = 0
        self._last = 0
        self._next = 1
        self._open = False
        self._hold_until = 0.0
        self._rewound_at = float("-inf")
        self._timeout = RESEND_AFTER_S
        self._meter = Meter(float("inf"), float("inf"), 1.0)
        self.progressed_at = 0.0

    @property
    def full(self) -> bool:
        """Whether the window is; `add` still takes, but its callers should wait."""
        return len(self._waiting) >= WINDOW_MESSAGES or self._bytes >= WINDOW_BYTES

    @property
    def empty(self) -> bool:
        """Whether all is stored."""
        return not self._waiting

    @property
    def flying(self) -> int:
        """The bytes that were sent and are not known to be stored."""
        return sum(len(waiting.body) for waiting in self._waiting.values() if waiting.sent_at)

    @property
    def oldest(self) -> int:
        """The lowest number without an acknowledgement; the next one's when there is none."""
        return next(iter(self._waiting), self._last + 1)

    @property
    def next_number(self) -> int:
        """The number that the next publication will have."""
        return self._last + 1

    def add(self, body: bytes, now: float) -> None:
        """Takes the publication `next_number`."""
        if not self._waiting:
            self.progressed_at = now
        self._last += 1
        self._waiting[self._last] = _Unconfirmed(body)
        self._bytes += len(body)

    def open(self, meter: Meter, now: float) -> None:
        """There is a way to the broker, at this pace: everything unacknowledged is to be sent."""
        self._meter = meter
        self._open = True
        self._hold_until = now
        self._timeout = RESEND_AFTER_S
        self._next = self.oldest

    def shut(self) -> None:
        """The way is gone; what comes is kept."""
        self._open = False

    def take(self, now: float) -> list[bytes]:
        """The bodies to send now, in order."""
        bodies: list[bytes] = []
        if not self._open or now < self._hold_until:
            return bodies
        while self._next <= self._last:
            waiting = self._waiting.get(self._next)
            if waiting is not None:
                wait = self._meter.take(len(waiting.body), now)
                if wait:
                    self._hold_until = now + wait
                    break
                waiting.sent_at = now
                bodies.append(waiting.body)
            self._next += 1
        return bodies

    def acked(self, number: int, count: int, now: float) -> list[int]:
        """The broker has `count` publications from `number` on; those that were not known to be there."""
        news = []
        for each in range(number, number + count):
            waiting = self._waiting.pop(each, None)
            if waiting is not None:
                self._bytes -= len(waiting.body)
                news.append(each)
        if news:
            self.progressed_at = now
            self._timeout = RESEND_AFTER_S
        return news

    def refused(self, retry_s: float, now: float) -> None:
        """To be sent again from the oldest on, in `retry_s`."""
        if now - self._rewound_at >= _CALM_S or retry_s > 0:
            self._rewind(now)
            self._hold_until = max(self._hold_until, now + retry_s)

    def get_timer(self) -> float | None:
        """The time at which `handle_timer`, then `take`, are to be called."""
        if not self._open or not self._waiting:
            return None
        if self._next <= self._last:
            return self._hold_until
        return self._waiting[self.oldest].sent_at + self._timeout

    def handle_timer(self, now: float) -> None:
        """Resends what nobody has acknowledged in time."""
        if not self._open or not self._waiting or self._next <= self._last:
            return
        if now >= self._waiting[self.oldest].sent_at + self._timeout:
            self._timeout = min(self._timeout * 2, RESEND_MOST_S)
            self._rewind(now)

    def _rewind(self, now: float) -> None:
        self._rewound_at = now
        self._next = self.oldest
