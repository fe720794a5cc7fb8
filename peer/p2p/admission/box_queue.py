"""The order in which a joiner asks mailboxes.

A service lists the groups at a nameplate by seniority, and one that lies lists what it likes. So services take turns,
each with its senior groups first; of one group a second mailbox is as good as the first of the next group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sandpiper.common.limits import BOX_AGAIN_S, BOX_PATIENT, BOX_SOON_S, DOORKEEPERS, JOIN_BOXES

Box: TypeAlias = "tuple[object, bytes]"
"""A mailbox, and the discovery service it is at."""


@dataclass(slots=True)
class _Entry:
    """A mailbox in the queue. `place` orders it within its service, `group` is the number of its group."""

    box: Box
    group: int
    place: tuple[int, int, int]
    asked: int = 0
    not_before: float = 0.0
    hearsay: bool = False  # somebody that was asked has named it


class BoxQueue:
    """The mailboxes that are left to ask."""

    def __init__(self) -> None:
        self._entries: dict[Box, _Entry] = {}
        self._known: dict[object, set[Box]] = {}  # by service
        self._dropped: set[object] = set()
        self._groups = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, groups: Sequence[Sequence[Box]]) -> None:
        """Adds mailboxes that were found, by group; those that it has had are not asked anew."""
        turns: Counter[object] = Counter()
        for group in filter(None, groups):
            self._groups += 1
            turn = turns[group[0][0]]
            turns[group[0][0]] += 1
            for index, box in enumerate(group):
                known = self._known.setdefault(box[0], set())
                if box not in known and box[0] not in self._dropped and len(known) < JOIN_BOXES:
                    known.add(box)
                    self._entries[box] = _Entry(box, self._groups, (turn + index, turn, self._groups))

    def take(self, now: float, until: float) -> Box | None:
        """The mailbox to ask now, if there is one; it is asked again after `until` at the earliest."""
        ready = [entry for entry in self._entries.values() if entry.not_before <= now]
        if not ready:
            return None
        entry = min(ready, key=lambda each: (each.asked, each.place))
        entry.asked += 1
        entry.not_before = until
        return entry.box

    def ready_at(self) -> float | None:
        """When there is a mailbox to ask; None for never."""
        return min((entry.not_before for entry in self._entries.values()), default=None)

    def put_off(self, box: Box, seconds: float, now: float) -> None:
        """Asks this one again after as long as it says, but not without end in a row."""
        entry = self._entries.get(box)
        if entry is not None:
            least = BOX_SOON_S if entry.asked < BOX_PATIENT else BOX_AGAIN_S
            entry.not_before = now + max(seconds, least)

    def send_on(self, box: Box, mailboxes: Sequence[bytes], now: float) -> None:
        """Asks those that this one has named, in its place, and then this one again. Whom they name is not asked."""
        self.put_off(box, BOX_AGAIN_S, now)
        entry = self._entries.get(box)
        if entry is None or entry.hearsay:
            return
        for mailbox in mailboxes[:DOORKEEPERS]:
            other = (box[0], mailbox)
            if other not in self._known[box[0]] and len(self._known[box[0]]) < JOIN_BOXES:
                self._known[box[0]].add(other)
                self._entries[other] = _Entry(other, entry.group, entry.place, hearsay=True)

    def drop(self, box: Box) -> None:
        """Asks this one no more."""
        self._entries.pop(box, None)

    def drop_group(self, box: Box) -> None:
        """Asks nobody more of the group that this one is in."""
        entry = self._entries.get(box)
        if entry is not None:
            self._entries = {key: each for key, each in self._entries.items() if each.group != entry.group}

    def drop_service(self, service: object) -> None:
        """Asks nobody more that this service names, now or later."""
        self._dropped.add(service)
        self._entries = {key: each for key, each in self._entries.items() if key[0] is not service}
