"""The losses: entries of logs that were given up, and who is asked for them all the same.

A hole is given up so that what follows it can be shown. Somebody who was away then may still hold what it lacks: each
member is asked once it is heard, and again when it was silent for long or tells of that log anew. There is no
clock here but the signs of life of those who are asked, so losses of which nobody knows more cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias

from sandpiper.common.limits import (
    FETCH_TIMEOUT_S,
    LOST_AGAIN_MOST_S,
    LOST_AGAIN_S,
    LOST_ASKED,
    LOST_LOGS,
    LOST_RANGES,
    STANDS_S,
)
from sandpiper.peer.p2p.replication.digest import Name

Range: TypeAlias = "tuple[int, int]"
"""The first and the last seq that are missing."""


@dataclass(slots=True)
class Inquiry:
    """One log of which a member was asked `at` for what is lost; it is asked again at `again_at`.

    `said_at` is when it last told of the log. If it tells of it once `wait_s` have passed, it is asked then. `helped`:
    the last answer had something.
    """

    at: float
    again_at: float
    wait_s: float = LOST_AGAIN_S
    said_at: float = -inf
    helped: bool = False


@dataclass(slots=True)
class PossibleHolder:
    """A member that may hold what is lost. There is nothing to ask it before `next_at`."""

    heard_at: float
    next_at: float = -inf
    inquiries: dict[Name, Inquiry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request under way for what is lost of one log: others are not asked before `until`."""

    r: int
    source: bytes
    after: int
    until: float


class Losses:
    """Keeps the ranges that were given up, of the newest logs, and asks for them with `ask`, which numbers requests."""

    def __init__(self, ask: Callable[[Name, bytes, int], int]) -> None:
        self._ask = ask
        self._ranges: dict[Name, list[Range]] = {}
        self._holders: dict[bytes, PossibleHolder] = {}
        self._open: dict[Name, OpenRequest] = {}

    # What is lost ------------------------------------------------------------------------------------------

    def add(self, name: Name, first: int, last: int, lacking: Collection[bytes], now: float) -> None:
        """Remembers entries that were given up; those in `lacking` have just said that they lack them."""
        ranges = self._ranges.pop(name, [])
        ranges.append((first, last))
        self._ranges[name] = sorted(ranges)[-LOST_RANGES:]
        if len(self._ranges) > LOST_LOGS:
            self.drop(next(iter(self._ranges)))
        for source, row in self._holders.items():
            row.inquiries.pop(name, None)
            if source in lacking:
                row.inquiries[name] = Inquiry(now, inf)
            else:
                row.next_at = -inf

    def covers(self, name: Name, first: int, last: int) -> bool:
        """Whether these entries are lost, all of them."""
        return any(one <= first and last <= other for one, other in self._ranges.get(name, ()))

    def fill(self, name: Name, first: int, last: int) -> None:
        """Takes out entries that have come after all."""
        request = self._open.get(name)
        row = self._holders.get(request.source) if request is not None else None
        if row is not None and name in row.inquiries:
            row.inquiries[name].helped = True
        left: list[Range] = []
        for one, other in self._ranges.pop(name):
            if other < first or last < one:
                left.append((one, other))
                continue
            left += [each for each in ((one, first - 1), (last + 1, other)) if each[0] <= each[1]]
        if left:
            self._ranges[name] = left[-LOST_RANGES:]
        else:
            self.drop(name)

    def trim(self, name: Name, start: int) -> None:
        """Forgets what is lost below `start`: the log begins there now."""
        ranges = self._ranges.get(name)
        if ranges and ranges[0][0] < start:
            self._ranges[name] = [(max(one, start), other) for one, other in ranges if other >= start]
            if not self._ranges[name]:
                self.drop(name)

    def drop(self, name: Name) -> None:
        """Forgets what is lost of a log."""
        self._ranges.pop(name, None)
        self._open.pop(name, None)
        for row in self._holders.values():
            row.inquiries.pop(name, None)

    def end(self, name: Name) -> int:
        """The last seq that is lost; 0 if none is."""
        ranges = self._ranges.get(name)
        return ranges[-1][1] if ranges else 0

    # Whom to ask -------------------------------------------------------------------------------------------

    def told(self, source: bytes, name: Name, seq: int, now: float) -> None:
        """Takes that a member tells of a log, up to `seq`: it may have come by what is lost."""
        ranges, row = self._ranges.get(name), self._holders.get(source)
        inquiry = row.inquiries.get(name) if row is not None else None
        if row is None or inquiry is None or ranges is None or seq < ranges[0][0]:
            return
        if now - inquiry.said_at > LOST_AGAIN_S:
            inquiry.wait_s = LOST_AGAIN_S  # it tells of it anew, so it has moved there
        inquiry.said_at = now
        if inquiry.again_at == inf and now - inquiry.at >= inquiry.wait_s:
            inquiry.again_at = row.next_at = now

    def heard(self, source: bytes, now: float) -> None:
        """Takes a sign of life of a member, and asks it for what it may have."""
        row = self._holders.get(source)
        if row is None or now - row.heard_at > STANDS_S:
            row = self._holders[source] = PossibleHolder(now)  # it may have come by something and told of it meanwhile
        row.heard_at = now
        if now < row.next_at:
            return
        row.next_at, free = inf, LOST_ASKED
        for name, ranges in self._ranges.items():
            inquiry, request = row.inquiries.get(name), self._open.get(name)
            if inquiry is not None and now < inquiry.again_at:
                row.next_at = min(row.next_at, inquiry.again_at)
            elif not free or (request is not None and now < request.until):
                row.next_at = now
            else:
                free -= 1
                row.next_at = min(row.next_at, now + LOST_AGAIN_S)
                row.inquiries[name] = _begin(inquiry, now)
                self._ask_after(name, source, ranges[0][0] - 1, now)

    def forget(self, source: bytes) -> None:
        """Asks a member no more: it has gone."""
        self._holders.pop(source, None)
        for name, request in list(self._open.items()):
            if request.source == source:
                del self._open[name]

    def asked(self, name: Name, source: bytes, r: int) -> bool:
        """Whether the request `r` asks this member for what is lost."""
        request = self._open.get(name)
        return request is not None and (request.source, request.r) == (source, r)

    def answered(self, name: Name, reached: int, now: float) -> None:
        """Takes that who was asked has given what it has up to `reached`, and asks it for what is lost beyond."""
        request = self._open.pop(name, None)
        if request is None:
            return  # all of it has come
        ranges = self._ranges.get(name, ())
        beyond = next((first for first, last in ranges if last > reached), None)
        if beyond is not None and reached > request.after:
            self._ask_after(name, request.source, max(reached, beyond - 1), now)
            return
        row = self._holders.get(request.source)
        if row is not None and (inquiry := row.inquiries.get(name)) is not None:
            inquiry.again_at = inf

    def _ask_after(self, name: Name, source: bytes, after: int, now: float) -> None:
        self._open[name] = OpenRequest(self._ask(name, source, after), source, after, now + FETCH_TIMEOUT_S)


def _begin(before: Inquiry | None, now: float) -> Inquiry:
    """The next inquiry of a member for a log, after the one before."""
    if before is None:
        return Inquiry(now, now + LOST_AGAIN_S, said_at=now)
    wait_s = LOST_AGAIN_S if before.helped else min(before.wait_s * 2, LOST_AGAIN_MOST_S)
    return Inquiry(now, now + LOST_AGAIN_S, wait_s, before.said_at)
