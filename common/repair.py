"""The repair machine: asks for what is missing in a log, until nothing is.

    CURRENT --hole seen--> WAITING --REORDER_S--> FETCHING --page that helps, still a hole--> FETCHING
       ^------------------hole filled-----------------+--------------page, no hole------------'

Push is fast and lossy, pull slow and sure. A hole is first given REORDER_S to be mere reordering; then it is asked
for, again after FETCH_TIMEOUT_S, doubling, for as long as nobody answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from sandpiper.common.frontier import Frontier
from sandpiper.common.limits import FETCH_MOST_S, FETCH_TIMEOUT_S, REORDER_S

T = TypeVar("T")


class RepairState(Enum):
    """The states of a repair."""

    CURRENT = "current"
    WAITING = "waiting"
    FETCHING = "fetching"


@dataclass(frozen=True, slots=True)
class Fetch:
    """A request to send: entries with seq above `after`."""

    after: int


@dataclass(frozen=True, slots=True)
class Repaired(Generic[T]):
    """The result of a page: entries to give out, in order; how many were `lost`; the log's new `start`, if trimmed."""

    items: list[T]
    lost: int = 0
    trimmed_to: int | None = None


class Repair(Generic[T]):
    """The repair of one frontier, whose holes it fills. `fetch` is taken by the owner after each call."""

    def __init__(self, frontier: Frontier[T]) -> None:
        self.frontier = frontier
        self.state = RepairState.CURRENT
        self.fetch: Fetch | None = None
        self._asked = frontier.seq
        self._due: float | None = None
        self._timeout = FETCH_TIMEOUT_S

    def get_timer(self) -> float | None:
        """The time at which to call `handle_timer`."""
        return self._due

    def handle_timer(self, now: float) -> None:
        """Asks, or asks again."""
        if self._due is None or now < self._due:
            return
        if not self.frontier.gap:
            self._rest()
            return
        if self.state is RepairState.FETCHING:
            self._timeout = min(self._timeout * 2, FETCH_MOST_S)
        self._ask(now)

    def noticed(self, now: float) -> None:
        """To be called when the frontier or its head has moved."""
        if not self.frontier.gap:
            if self.state is RepairState.WAITING:
                self._rest()
        elif self.state is RepairState.CURRENT:
            self.state = RepairState.WAITING
            self._due = now + REORDER_S

    def reaches(self, head: int, now: float) -> None:
        """The log is known to stand at `head`."""
        if head > self.frontier.head:
            self.frontier.head = head
        self.noticed(now)

    def fetch_now(self, now: float) -> None:
        """A known hole, such as history: no use in waiting."""
        if self.frontier.gap:
            self._ask(now)

    def look_again(self, at: float) -> None:
        """Asks again by then, or earlier; to be called after it has asked."""
        if self._due is not None:
            self._due = min(self._due, at)

    def page(self, after: int, start: int, head: int, entries: Sequence[tuple[int, int, T]], now: float) -> Repaired[T]:
        """The answer to a fetch above `after`: the log begins at `start`, stands at `head`, and these come next.

        An entry is the seq of its first, of its last, and the thing itself.
        """
        frontier = self.frontier
        items: list[T] = []
        lost = 0
        trimmed, released = frontier.skip(start - 1)
        items += released
        reached = max(after, start - 1)
        for seq, last, item in entries:
            if seq > reached + 1:
                missing, released = frontier.skip(seq - 1)
                lost += missing
                items += released
            items += frontier.push(seq, item, last)
            reached = max(reached, last)
        if not entries and frontier.seq == after:
            missing, released = frontier.skip(head)
            lost += missing
            items += released
        frontier.head = max(frontier.head, head)
        if not frontier.gap:
            self._rest()
        elif self.state is not RepairState.FETCHING or frontier.seq > after >= self._asked:
            self._timeout = FETCH_TIMEOUT_S
            self._ask(now)
        # Else this was an old answer, or one that helps nobody, of which asking at once would only bring more.
        return Repaired(items, lost, start if trimmed else None)

    def interrupted(self) -> None:
        """The connection went: what was asked will not be answered."""
        self._rest()

    def _ask(self, now: float) -> None:
        self.state = RepairState.FETCHING
        self._asked = self.frontier.seq
        self.fetch = Fetch(self._asked)
        self._due = now + self._timeout

    def _rest(self) -> None:
        self.state = RepairState.CURRENT
        self._due = None
        self.fetch = None
        self._timeout = FETCH_TIMEOUT_S
