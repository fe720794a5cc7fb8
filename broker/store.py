"""The store: what a broker must not forget, in one SQLite database that one process holds.

A batch is one transaction. What is kept of the rooms in memory changes only after it is in the database, so a
commit that fails (a full disk) leaves both as they were. All times are wall seconds and come in as `now`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from sandpiper.broker import logs, runs, schema
from sandpiper.broker.folder import Folder
from sandpiper.broker.records import Batch, Entry, Loaded, NickRow, Page, RoomRow
from sandpiper.broker.retention import Retention
from sandpiper.broker.store_errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreInUse,
    StoreNewer,
    StoreReadOnly,
    corrupt,
    from_sqlite,
)
from sandpiper.common.limits import ENROLLED_KEPT_S, PUBLISHERS_KEPT_S

__all__ = [
    "Batch",
    "Entry",
    "Loaded",
    "NickRow",
    "Page",
    "RoomRow",
    "Store",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreInUse",
    "StoreNewer",
    "StoreReadOnly",
]

_pack: Final = msgspec.msgpack.Encoder().encode

_ROOM: Final = """INSERT INTO rooms (id, name, next_seq, run_start, last, created) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET next_seq = excluded.next_seq, last = excluded.last"""
_ENTRY: Final = "INSERT INTO log (room, seq, ts, body) VALUES (?, ?, ?, ?)"
_PUBLISHER: Final = """INSERT INTO publishers (key, room, n, touched) VALUES (?, ?, ?, ?)
    ON CONFLICT (key, room) DO UPDATE SET n = excluded.n, touched = excluded.touched"""


class Store:
    """Made by `open` or `memory`; belongs to the thread that made it. Every method may raise StoreError."""

    def __init__(self, db: sqlite3.Connection, folder: Folder | None, meta: runs.Meta, spare_run: str) -> None:
        """Takes over an opened database."""
        self._db = db
        self._folder = folder
        self._path = folder.path if folder is not None else Path(":memory:")
        self._meta = meta
        self._spare_run = spare_run
        self._retention = Retention()
        self._closed = False
        with self._said():
            self._rooms = logs.rooms(self._db, self._path)
        self._ids = max((room.id for room in self._rooms.values()), default=0)

    @classmethod
    def open(cls, path: Path, *, fsync: bool, boot_id: str, new_run: str, now: float) -> Store:
        """Takes the folder `path`, makes what is missing. Raises StoreError, and then holds nothing.

        `boot_id` names the time since the machine started, empty for unknown; `new_run`, 128 random bits in
        hex, is used where the run that was cannot go on. With `fsync` a commit waits for the disk. What has aged
        is forgotten.
        """
        folder = Folder(path)
        try:
            if folder.prepare():
                raise corrupt(path, "the database is empty")
            db, new = schema.connect(folder.database)
            try:
                meta = runs.begin(db, folder, new=new, fsync=fsync, boot_id=boot_id, new_run=new_run)
                schema.keep_synced(db, fsync)
                store = cls(db, folder, meta, new_run)
                store.prune(now)
                return store
            except sqlite3.DatabaseError as error:
                db.close()
                raise from_sqlite(error, path) from None
            except BaseException:
                db.close()
                raise
        except BaseException:
            folder.close()
            raise

    @classmethod
    def memory(cls, run: str = "0" * 32, spare_run: str = "1" * 32) -> Store:
        """A store that ends with the process."""
        db, _ = schema.connect(None)
        meta = runs.Meta(run, False, False, "", 1)
        runs.write(db, meta)
        return cls(db, None, meta, spare_run)

    def close(self) -> None:
        """Marks the run clean and moves all into the one file. May be called again.

        Whatever it raises, the folder is free afterwards, and nothing stored is lost.
        """
        if self._closed:
            return
        self._closed = True
        try:
            with self._said(), closing(self._db):
                schema.keep_synced(self._db, True)
                runs.leave(self._db)
        finally:
            if self._folder is not None:
                self._folder.close()

    # Runs --------------------------------------------------------------------------------------------------

    @property
    def run(self) -> str:
        """The run that seqs now belong to."""
        return self._meta.run

    @property
    def inherited(self) -> bool:
        """Whether another process began this run."""
        return self._meta.run != self._spare_run and self._meta.opens > 1

    def new_run(self, run: str | None = None) -> None:
        """A run begins in every room, behind its head: `run`, or the one that was named at open.

        Does nothing if it has begun already. It has begun even if marking the folder fails.
        """
        meta = replace(self._meta, run=run or self._spare_run)
        if meta.run == self._meta.run:
            return
        with self._undone():
            runs.write(self._db, meta)
        self._meta = meta
        for room in self._rooms.values():
            room.run_start = room.next_seq
        if self._folder is not None:
            self._folder.mark(meta.run, meta.opens)

    # Logs --------------------------------------------------------------------------------------------------

    def load(self) -> Loaded:
        """All but the logs."""
        names = {room.id: room.name for room in self._rooms.values()}
        with self._said():
            publishers = self._db.execute("SELECT key, room, n FROM publishers").fetchall()
            enrolled = self._db.execute("SELECT key, identity FROM enrolled").fetchall()
            nicks = self._db.execute("SELECT room, folded, nick, identity, touched FROM nicks").fetchall()
        return Loaded(
            [replace(room, last=dict(room.last)) for room in self._rooms.values()],
            {(key, names[room]): n for key, room, n in publishers if room in names},
            dict(enrolled),
            [NickRow(names[room], *rest) for room, *rest in nicks if room in names],
        )

    def recent(self, since_ts: int, limit: int) -> Iterator[tuple[str, int, bytes]]:
        """The newest `limit` entries of all rooms since `since_ts`: (room, seq, frame), oldest first.

        To be read before the first commit.
        """
        with self._said():
            yield from logs.recent(self._db, self._rooms, since_ts, limit)

    def commit(self, batch: Batch, now: float) -> None:
        """Stores a batch whole or, raising StoreError, not at all. Makes rooms that are not there yet.

        Each room's seqs must go on from its `next_seq`: ValueError if they do not.
        """
        rooms: dict[str, RoomRow] = {}
        rows = []
        for entry in batch.entries:
            room = rooms.get(entry.room) or self._copy(rooms, entry.room, now)
            if entry.seq != room.next_seq:
                raise ValueError(f"seq {entry.seq} does not follow {room.next_seq - 1} in {entry.room}")
            if room.start == entry.seq:
                room.oldest = entry.ts
            room.next_seq += 1
            room.last[entry.kind] = entry.seq
            rows.append((room.id, entry.seq, entry.ts, entry.frame))
        numbers = []
        for (key, name), n in batch.published.items():
            room = rooms.get(name) or self._rooms.get(name) or self._copy(rooms, name, now)
            numbers.append((key, room.id, n, now))
        with self._transaction():
            self._write(rooms)
            self._db.executemany(_ENTRY, rows)
            self._db.executemany(_PUBLISHER, numbers)
        self._rooms.update(rooms)

    def start(self, room: str) -> int:
        """The first retained seq; head + 1 if there is none."""
        row = self._rooms.get(room)
        return row.start if row is not None else 1

    def page(self, room: str, after: int, limit: int, limit_bytes: int) -> Page:
        """Entries above `after`: `limit` at most, and `limit_bytes` unless the first alone is larger."""
        row = self._rooms.get(room)
        if row is None:
            return Page(1, 0, [])
        with self._said():
            return logs.page(self._db, row, after, limit, limit_bytes)

    def retain(self, now: float, messages: int, age_s: float, chunk: int) -> int:
        """Removes what is past `messages` or `age_s` in a room, at most `chunk` in all. Returns how many."""
        with self._said():
            rooms = self._rooms.values()
            cuts = self._retention.cuts(self._db, rooms, messages, now - age_s, chunk)
            left = []
            if cuts:
                with self._transaction():
                    for cut in cuts:
                        self._db.execute("DELETE FROM log WHERE room = ? AND seq < ?", (cut.room.id, cut.start))
                    left = [logs.oldest(self._db, cut.room.id) for cut in cuts]
        removed = 0
        for cut, (_, oldest) in zip(cuts, left, strict=True):
            removed += cut.start - cut.room.start
            cut.room.start, cut.room.oldest = cut.start, oldest
        return removed

    # Keys and nicks ----------------------------------------------------------------------------------------

    def enrol(self, key: bytes, identity: bytes, now: float) -> None:
        """The session with this CURVE key (32 bytes) is of this person."""
        row = (key, identity, now)
        self._change("INSERT OR REPLACE INTO enrolled (key, identity, touched) VALUES (?, ?, ?)", [row])

    def unenrol(self, key: bytes) -> None:
        """The key is admitted no more."""
        self._change("DELETE FROM enrolled WHERE key = ?", [(key,)])

    def touch(self, keys: Iterable[bytes], now: float) -> None:
        """These sessions live: neither their keys nor their numbers age."""
        rows = [(now, key) for key in keys]
        with self._transaction():
            self._db.executemany("UPDATE enrolled SET touched = ? WHERE key = ?", rows)
            self._db.executemany("UPDATE publishers SET touched = ? WHERE key = ?", rows)

    def prune(
        self, now: float, enrolled_s: float = ENROLLED_KEPT_S, publishers_s: float = PUBLISHERS_KEPT_S
    ) -> list[bytes]:
        """Forgets keys and numbers that were not touched for so long. Returns the keys."""
        with self._transaction():
            limit = (now - enrolled_s,)
            gone = self._db.execute("SELECT key FROM enrolled WHERE touched < ?", limit).fetchall()
            self._db.execute("DELETE FROM enrolled WHERE touched < ?", limit)
            self._db.execute("DELETE FROM publishers WHERE touched < ?", (now - publishers_s,))
        return [key for (key,) in gone]

    def own_nick(self, room: str, folded: str, nick: str, identity: bytes, now: float) -> None:
        """The nick is this person's, whoever had it. Makes the room if it is not there yet."""
        rooms: dict[str, RoomRow] = {}
        row = self._rooms.get(room) or self._copy(rooms, room, now)
        with self._transaction():
            self._write(rooms)
            self._db.execute(
                "INSERT OR REPLACE INTO nicks (room, folded, nick, identity, touched) VALUES (?, ?, ?, ?, ?)",
                (row.id, folded, nick, identity, now),
            )
        self._rooms.update(rooms)

    def free_nick(self, room: str, folded: str) -> None:
        """The nick is nobody's."""
        row = self._rooms.get(room)
        if row is not None:
            self._change("DELETE FROM nicks WHERE room = ? AND folded = ?", [(row.id, folded)])

    # Inside ------------------------------------------------------------------------------------------------

    def _copy(self, rooms: dict[str, RoomRow], name: str, now: float) -> RoomRow:
        """A room to be changed, put into `rooms`; one that is not there yet gets the next id."""
        row = self._rooms.get(name)
        if row is not None:
            row = replace(row, last=dict(row.last))
        else:
            # An id that a failed commit took is passed over: the number means nothing.
            self._ids += 1
            row = RoomRow(self._ids, name, 1, 1, {}, now, 1, 0)
        rooms[name] = row
        return row

    def _write(self, rooms: dict[str, RoomRow]) -> None:
        rows = [
            (room.id, room.name, room.next_seq, room.run_start, _pack(room.last), room.created)
            for room in rooms.values()
        ]
        self._db.executemany(_ROOM, rows)

    def _change(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        with self._transaction():
            self._db.executemany(statement, rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._undone():
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """Whatever goes wrong, no transaction stays open."""
        with self._said():
            try:
                yield
            except BaseException:
                # SQLite has undone it by itself after some errors, a full disk among them.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _said(self) -> Iterator[None]:
        """SQLite's errors as ours; misuse (a closed database, a wrong thread) stays what it is."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.DatabaseError as error:
            raise from_sqlite(error, self._path) from error
