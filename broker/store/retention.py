"""Retention: how much of each log may go, a little at a time and fairly."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from sandpiper.broker.records import RoomRecord
from sandpiper.broker.store.logs import at


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut to make: the room's log is to begin at `start`."""

    room: RoomRecord
    start: int


class Retention:
    """Decides what each room's log loses.

    Remembers whose turn it is, so that a busy room does not keep the others from being trimmed.
    """

    def __init__(self) -> None:
        self._after = 0

    def cuts(
        self, db: sqlite3.Connection, rooms: Iterable[RoomRecord], messages: int, before: float, chunk: int
    ) -> list[Cut]:
        """Cuts of what is past a room's newest `messages` or older than `before`, at most `chunk` entries in all.

        Looks at the tables of those rooms only that have something to give. Raises sqlite3.DatabaseError.
        """
        due = [
            room
            for room in rooms
            if room.start < room.next_seq and (room.next_seq - room.start > messages or room.oldest < before)
        ]
        due.sort(key=lambda room: (room.id <= self._after, room.id))
        found = []
        for place, room in enumerate(due):
            # What one room does not need of its share goes to those behind it; past the chunk they wait.
            share = -(-chunk // (len(due) - place))
            if share <= 0:
                break
            start = _start(db, room, messages, before, share)
            chunk -= start - room.start
            found.append(Cut(room, start))
            self._after = room.id
        return found


def _start(db: sqlite3.Connection, room: RoomRecord, messages: int, before: float, most: int) -> int:
    furthest = min(room.start + most, room.next_seq)
    by_count = max(room.next_seq - messages, room.start)
    if by_count >= furthest:
        return furthest
    # A block goes by the ts of its newest, so the first one is that which holds `by_count`.
    kept = db.execute(
        """SELECT id FROM log
            WHERE id >= (SELECT max(id) FROM log WHERE id <= ?) AND id < ? AND ts >= ? ORDER BY id LIMIT 1""",
        (at(room.id, by_count), at(room.id, furthest), before),
    ).fetchone()
    return furthest if kept is None else max(int(kept[0]) - at(room.id, 0), by_count)
