"""Logs: reading what a room has stored. Every function may raise sqlite3.DatabaseError."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from sandpiper.broker.records import Page, RoomRow
from sandpiper.broker.store_errors import corrupt

_lasts: Final = msgspec.msgpack.Decoder(dict[str, int]).decode


def rooms(db: sqlite3.Connection, path: Path) -> dict[str, RoomRow]:
    """All rooms by name. Raises StoreCorrupt, naming `path`, where a room and its log disagree."""
    found = db.execute("SELECT id, name, next_seq, run_start, last, created FROM rooms").fetchall()
    rows = {}
    for id_, name, next_seq, run_start, last, created in found:
        start, ts = oldest(db, id_)
        head = db.execute("SELECT max(seq) FROM log WHERE room = ?", (id_,)).fetchone()[0]
        try:
            lasts = _lasts(last)
        except (msgspec.DecodeError, TypeError) as error:
            raise corrupt(path, f"room {name}: {error}") from None
        if not isinstance(next_seq, int) or head not in (None, next_seq - 1):
            raise corrupt(path, f"room {name} ends at {head}, and not before {next_seq}")
        rows[name] = RoomRow(id_, name, next_seq, run_start, lasts, created, start or next_seq, ts)
    return rows


def oldest(db: sqlite3.Connection, room: int) -> tuple[int, int]:
    """The seq and ts of a room's first row; zeros if there is none."""
    row = db.execute("SELECT seq, ts FROM log WHERE room = ? ORDER BY seq LIMIT 1", (room,)).fetchone()
    return (int(row[0]), int(row[1])) if row is not None else (0, 0)


def page(db: sqlite3.Connection, room: RoomRow, after: int, limit: int, limit_bytes: int) -> Page:
    """Entries above `after`: `limit` at most, and `limit_bytes` unless the first alone is larger."""
    head = room.next_seq - 1
    entries: list[tuple[int, bytes]] = []
    size = 0
    # `after` is clamped because a stranger chose it, and SQLite's integers end at 64 bits.
    wanted = (room.id, min(max(after, 0), head), max(limit, 0))
    found = db.execute("SELECT seq, body FROM log WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?", wanted)
    with closing(found):
        for seq, frame in found:
            size += len(frame)
            if entries and size > limit_bytes:
                break
            entries.append((seq, frame))
    return Page(room.start, head, entries)


def recent(
    db: sqlite3.Connection, rooms: Mapping[str, RoomRow], since_ts: int, limit: int
) -> Iterator[tuple[str, int, bytes]]:
    """The newest `limit` entries of all rooms since `since_ts`: (room, seq, frame), oldest first.

    Stops in each room at the first that is older, so it reads no more than it needs; holds one frame a room.
    """
    first: dict[str, int] = {}
    back = heapq.merge(*(_backwards(db, room, since_ts) for room in rooms.values()), reverse=True)
    for _, name, seq in islice(back, limit):
        first[name] = seq
    found = heapq.merge(*(_forwards(db, rooms[name], seq) for name, seq in first.items()))
    for _, name, seq, frame in found:
        yield name, seq, frame


def _backwards(db: sqlite3.Connection, room: RoomRow, since_ts: int) -> Iterator[tuple[int, str, int]]:
    found = db.execute("SELECT ts, seq FROM log WHERE room = ? ORDER BY seq DESC", (room.id,))
    with closing(found):
        for ts, seq in found:
            if ts < since_ts:
                return
            yield ts, room.name, seq


def _forwards(db: sqlite3.Connection, room: RoomRow, first: int) -> Iterator[tuple[int, str, int, bytes]]:
    found = db.execute("SELECT ts, seq, body FROM log WHERE room = ? AND seq >= ? ORDER BY seq", (room.id, first))
    with closing(found):
        for ts, seq, frame in found:
            yield ts, room.name, seq, frame
