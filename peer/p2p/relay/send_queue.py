"""The bodies that a member sends through a relay: waiting for the broker's rate, or under way to the broker.

The broker says nothing about what it has passed on, but it answers in order: what was sent before a ping that it has
answered, and was not refused by then, it has read. So at most RELAY_FLIGHT_BYTES are ever unread, however slow the
line, and what a refusal or a broken connection caught is sent again. A body may arrive twice, or never: the members
repair that from end to end.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sandpiper.common.buckets import Meter
from sandpiper.common.limits import (
    RELAY_FLIGHT_BODIES,
    RELAY_FLIGHT_BYTES,
    RELAY_QUEUE_BODIES,
    RELAY_QUEUE_BYTES,
    RELAY_QUEUED_S,
)


@dataclass(frozen=True, slots=True)
class WaitingBody:
    """A body for the addresses `to`, or for all; `since` is when it was queued."""

    to: list[bytes]
    body: bytes
    since: float


class RelayQueue:
    """The queue of one relay link. `octets` wait in it; `dropped` counts the bodies that were dropped."""

    def __init__(self) -> None:
        self._waiting: deque[WaitingBody] = deque()
        self.octets = 0
        self._flight: dict[int, WaitingBody] = {}
        self._flight_bytes = 0
        self._unasked = 0
        self._unasked_bytes = 0
        self._meter = Meter(float("inf"), float("inf"), 1.0)
        self._hold_until = 0.0
        self.dropped = 0

    def add(self, to: list[bytes], body: bytes, now: float) -> None:
        """Queues one body. Over the bound the oldest is dropped."""
        self._waiting.append(WaitingBody(to, body, now))
        self.octets += len(body)
        self._trim()

    def _trim(self) -> None:
        while self.octets > RELAY_QUEUE_BYTES or len(self._waiting) > RELAY_QUEUE_BODIES:
            self._pop()
            self.dropped += 1

    def _pop(self) -> WaitingBody:
        waiting = self._waiting.popleft()
        self.octets -= len(waiting.body)
        return waiting

    # The connection ----------------------------------------------------------------------------------------

    def open(self, meter: Meter, now: float) -> None:
        """Begins a connection, at this rate."""
        self._meter = meter
        self._hold_until = now

    def shut(self) -> None:
        """Ends the connection: what was under way may not have arrived, and is sent again."""
        for waiting in reversed(self._flight.values()):
            self._put_back(waiting)
        self._flight.clear()
        self._flight_bytes = self._unasked = self._unasked_bytes = 0
        self._trim()

    def _put_back(self, waiting: WaitingBody) -> None:
        self._waiting.appendleft(waiting)
        self.octets += len(waiting.body)

    # Sending -----------------------------------------------------------------------------------------------

    @property
    def _full(self) -> bool:
        return self._flight_bytes >= RELAY_FLIGHT_BYTES or len(self._flight) >= RELAY_FLIGHT_BODIES

    def take(self, now: float) -> WaitingBody | None:
        """Takes out the next body, if it may be sent now. Call `sent` then, for each request that it becomes."""
        while self._waiting and now - self._waiting[0].since > RELAY_QUEUED_S:
            self._pop()
            self.dropped += 1
        if not self._waiting or self._full or now < self._hold_until:
            return None
        wait = self._meter.take(_size(self._waiting[0]), now)
        if wait:
            self._hold_until = now + wait
            return None
        return self._pop()

    def sent(self, number: int, waiting: WaitingBody) -> None:
        """Takes note that a body went as the request `number`."""
        self._flight[number] = waiting
        self._flight_bytes += len(waiting.body)
        self._unasked += 1
        self._unasked_bytes += len(waiting.body)

    @property
    def unsure(self) -> bool:
        """Whether so much has been sent without a ping after it that one is due."""
        return self._unasked >= RELAY_FLIGHT_BODIES // 4 or self._unasked_bytes >= RELAY_FLIGHT_BYTES // 4

    def asked(self) -> None:
        """Takes note that a ping went after all that was sent."""
        self._unasked = self._unasked_bytes = 0

    def confirmed(self, number: int) -> None:
        """Takes note that the broker has read everything before the request `number`."""
        for each in [each for each in self._flight if each < number]:
            self._flight_bytes -= len(self._flight.pop(each).body)

    def refused(self, number: int, retry_s: float | None, now: float) -> None:
        """Takes note of a refusal: for `retry_s` seconds, or for good (None)."""
        waiting = self._flight.pop(number, None)
        if waiting is None:
            return
        self._flight_bytes -= len(waiting.body)
        if retry_s is None:
            self.dropped += 1
            return
        self._put_back(waiting)
        self._trim()
        self._hold_until = max(self._hold_until, now + retry_s)

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float | None:
        """When `take` may have something that waits for the rate."""
        return self._hold_until if self._waiting and not self._full else None


def _size(waiting: WaitingBody) -> int:
    """The size of a body, as the broker counts it."""
    return len(waiting.body) + sum(map(len, waiting.to))
