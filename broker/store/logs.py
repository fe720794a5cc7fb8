"""Logs: blocks of messages by room and seq. Every function may raise sqlite3.DatabaseError.

A commit writes blocks, and for a room that is already there nothing else: one page at rest. Its `next_seq`, its last
seqs and its publishers' numbers are *gathered* into their tables now and then, always in one transaction with all that
its blocks say up to then. So at any moment what the tables say, overlaid by the blocks from the gathered `next_seq`
on, is the truth; whoever writes to a room's tables, or takes blocks away, gathers it in the same transaction.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from sandpiper.broker.records import LogBlock, LogPage, RoomRecord
from sandpiper.broker.store.errors import corrupt

_SEQ_BITS: Final = 40
"""A row's id is its room's and its first seq: rows by id are rows by room and seq, and their blobs are no keys."""
_BLOCK: Final = "INSERT INTO log (id, count, ts, last, published, body) VALUES (?, ?, ?, ?, ?, ?)"
_ROOM: Final = """INSERT INTO rooms (id, name, next_seq, start, run_start, last, created) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET next_seq = excluded.next_seq, start = excluded.start, last = excluded.last"""
_PUBLISHER: Final = """INSERT INTO publishers (key, room, n, touched) VALUES (?, ?, ?, ?)
    ON CONFLICT (key, room) DO UPDATE SET n = excluded.n, touched = excluded.touched"""

_pack: Final = msgspec.msgpack.Encoder().encode
_lasts: Final = msgspec.msgpack.Decoder(dict[str, int]).decode
_numbers: Final = msgspec.msgpack.Decoder(dict[bytes, int]).decode

BlockRow = tuple[int, int, int, bytes, "bytes | None", bytes]


def at(room: int, seq: int) -> int:
    """The id of the row that begins there."""
    return room << _SEQ_BITS | seq


# Writing -------------------------------------------------------------------------------------------------------


def row(room: int, block: LogBlock, published: dict[bytes, int] | None) -> BlockRow:
    """The row of a block, which also keeps the numbers that its publishers have come to."""
    numbers = _pack(published) if published else None
    return at(room, block.first), block.count, block.ts, _pack(block.last), numbers, block.body


def append(db: sqlite3.Connection, rows: list[BlockRow]) -> None:
    """Adds blocks."""
    db.executemany(_BLOCK, rows)


def gather(db: sqlite3.Connection, room: RoomRecord, numbers: Mapping[bytes, tuple[int, float]]) -> None:
    """Writes where a room stands and its publishers' (number, touched): all that changed since it was gathered."""
    where = (room.id, room.name, room.next_seq, room.start, room.run_start, _pack(room.last), room.created)
    db.execute(_ROOM, where)
    db.executemany(_PUBLISHER, [(key, room.id, n, touched) for key, (n, touched) in numbers.items()])


def cut(db: sqlite3.Connection, room: RoomRecord) -> None:
    """Deletes the blocks that end before the room's `start`."""
    start = at(room.id, room.start)
    db.execute("DELETE FROM log WHERE id >= ? AND id < ? AND id + count <= ?", (at(room.id, 0), start, start))


# Loading -------------------------------------------------------------------------------------------------------


def recover(db: sqlite3.Connection, path: Path) -> None:
    """Gathers what was not when the process ended. Raises StoreCorrupt, naming `path`.

    Needs a transaction; done twice it is the same as done once.
    """
    for room in _rooms(db, path):
        wanted = at(room.id, room.next_seq), at(room.id + 1, 0)
        found = db.execute(
            "SELECT id, count, ts, last, published FROM log WHERE id >= ? AND id < ? ORDER BY id", wanted
        ).fetchall()
        numbers: dict[bytes, tuple[int, float]] = {}
        for id_, count, ts, last, published in found:
            if id_ != at(room.id, room.next_seq):
                raise corrupt(path, f"room {room.name} has a hole at {room.next_seq}")
            try:
                room.next_seq += count
                room.last.update(_lasts(last))
                if published is not None:
                    numbers.update((key, (n, ts)) for key, n in _numbers(published).items())
            except (msgspec.DecodeError, TypeError) as error:
                raise corrupt(path, f"room {room.name}: {error}") from None
        if found:
            gather(db, room, numbers)


def rooms(db: sqlite3.Connection, path: Path) -> dict[str, RoomRecord]:
    """All rooms by name, all gathered. Raises StoreCorrupt, naming `path`, where a room and its log disagree."""
    rows = {}
    for room in _rooms(db, path):
        wanted = at(room.id, 0), at(room.id + 1, 0)
        begin = db.execute(
            "SELECT id, count, ts FROM log WHERE id >= ? AND id < ? ORDER BY id LIMIT 1", wanted
        ).fetchone()
        end = db.execute(
            "SELECT id, count FROM log WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1", wanted
        ).fetchone()
        if begin is None:
            fits = room.start == room.next_seq
        else:
            first, count, room.oldest = begin
            fits = first <= at(room.id, room.start) < first + count and sum(end) == at(room.id, room.next_seq)
        if not fits:
            raise corrupt(path, f"room {room.name} and its log do not fit each other")
        rows[room.name] = room
    return rows


def oldest(db: sqlite3.Connection, room: int) -> int:
    """The ts of a room's first block; 0 if there is none."""
    wanted = at(room, 0), at(room + 1, 0)
    found = db.execute("SELECT ts FROM log WHERE id >= ? AND id < ? ORDER BY id LIMIT 1", wanted).fetchone()
    return int(found[0]) if found is not None else 0


def _rooms(db: sqlite3.Connection, path: Path) -> Iterator[RoomRecord]:
    found = db.execute("SELECT id, name, next_seq, start, run_start, last, created FROM rooms").fetchall()
    for id_, name, next_seq, start, run_start, last, created in found:
        try:
            lasts = _lasts(last)
        except (msgspec.DecodeError, TypeError) as error:
            raise corrupt(path, f"room {name}: {error}") from None
        if not (isinstance(next_seq, int) and isinstance(start, int) and 0 < start <= next_seq < 1 << _SEQ_BITS):
            raise corrupt(path, f"room {name} goes from {start} to before {next_seq}")
        yield RoomRecord(id_, name, next_seq, run_start, lasts, created, start, 0)


# Reading -------------------------------------------------------------------------------------------------------


def page(db: sqlite3.Connection, room: RoomRecord, after: int, limit: int, limit_bytes: int) -> LogPage:
    """The blocks that hold the `limit` entries above `after`, of `limit_bytes` unless the first alone is larger."""
    head = room.next_seq - 1
    wanted = max(after + 1, room.start)
    blocks: list[tuple[int, int, bytes]] = []
    if wanted > head or limit <= 0:
        return LogPage(room.start, head, blocks)
    size = 0
    found = db.execute(
        """SELECT id, count, body FROM log
            WHERE id >= (SELECT max(id) FROM log WHERE id <= ?) AND id < ? ORDER BY id""",
        (at(room.id, wanted), at(room.id + 1, 0)),
    )
    with closing(found):
        for id_, count, body in found:
            size += len(body)
            if blocks and size > limit_bytes:
                break
            first = id_ - at(room.id, 0)
            blocks.append((first, count, body))
            if first + count >= wanted + limit:
                break
    return LogPage(room.start, head, blocks)


def recent(
    db: sqlite3.Connection, rooms: Mapping[str, RoomRecord], since_ts: int, limit: int
) -> Iterator[tuple[str, bytes]]:
    """The newest blocks of all rooms since `since_ts` that hold `limit` entries: (room, body), oldest first.

    Stops in each room at the first that is older, so it reads no more than it needs; holds one block a room.
    """
    first: dict[str, int] = {}
    back = heapq.merge(*(_backwards(db, room, since_ts) for room in rooms.values()), reverse=True)
    while limit > 0 and (found := next(back, None)) is not None:
        _, name, id_, count = found
        first[name] = id_
        limit -= count
    for _, name, _, body in heapq.merge(*(_forwards(db, rooms[name], id_) for name, id_ in first.items())):
        yield name, body


def _backwards(db: sqlite3.Connection, room: RoomRecord, since_ts: int) -> Iterator[tuple[int, str, int, int]]:
    wanted = at(room.id, 0), at(room.id + 1, 0)
    found = db.execute("SELECT ts, id, count FROM log WHERE id >= ? AND id < ? ORDER BY id DESC", wanted)
    with closing(found):
        for ts, id_, count in found:
            if ts < since_ts:
                return
            yield ts, room.name, id_, count


def _forwards(db: sqlite3.Connection, room: RoomRecord, first: int) -> Iterator[tuple[int, str, int, bytes]]:
    wanted = first, at(room.id + 1, 0)
    found = db.execute("SELECT ts, id, body FROM log WHERE id >= ? AND id < ? ORDER BY id", wanted)
    with closing(found):
        for ts, id_, body in found:
            yield ts, room.name, id_, body
