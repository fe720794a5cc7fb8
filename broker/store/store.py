"""The store: what a broker must not forget, in one SQLite database that one process holds.

A batch is one transaction. What is kept of the rooms in memory changes only after it is in the database, so a
commit that fails (a full disk) leaves both as they were. Times are wall seconds, and come in as `now`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandpiper.broker.records import Batch, Loaded, LogPage, NickRecord, RoomRecord
from sandpiper.broker.store import logs, runs, schema
from sandpiper.broker.store.checkpoints import Checkpoints
from sandpiper.broker.store.clock_table import ClockTable
from sandpiper.broker.store.data_dir import DataDir
from sandpiper.broker.store.database import Database
from sandpiper.broker.store.errors import corrupt, from_sqlite, full, is_full
from sandpiper.broker.store.retention import Retention
from sandpiper.common.limits import ENROLLED_KEPT_S, PUBLISHERS_KEPT_S, STORE_GATHER_BLOCKS


@dataclass(slots=True)
class _Loose:
    """Publishers' last (number, touched) that stand only in a room's newest `blocks`, and not yet in their table."""

    blocks: int = 0
    numbers: dict[bytes, tuple[int, float]] = field(default_factory=dict)


class Store:
    """The log of a broker in SQLite.

    Made by `open` or `memory`; belongs to the thread that made it. Every method may raise StoreError.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        folder: DataDir | None,
        checkpoints: Checkpoints | None,
        meta: runs.Opening,
        spare_run: str,
    ) -> None:
        self._db = db
        self._folder = folder
        self._checkpoints = checkpoints
        self._path = folder.path if folder is not None else Path(":memory:")
        self._database = Database(db, checkpoints, self._path)
        self.clock = ClockTable(self._database)
        self._meta = meta
        self._spare_run = spare_run
        self._retention = Retention()
        self._closed = False
        with self._database.errors():
            self._rooms = logs.rooms(self._db, self._path)
        self._loose: dict[str, _Loose] = {}
        self._ids = max((room.id for room in self._rooms.values()), default=0)

    @classmethod
    def open(cls, path: Path, *, fsync: bool, boot_id: str, new_run: str) -> Store:
        """Takes the folder `path`, makes what is missing. Raises StoreError, and then holds nothing.

        `boot_id` names the time since the machine started, empty for unknown; `new_run`, 128 random bits in
        hex, is used where the run that was cannot go on. With `fsync` a commit waits for the disk.
        """
        folder = DataDir(path)
        with ExitStack() as held:
            held.callback(folder.close)
            if folder.prepare():
                raise corrupt(path, "the database is empty")
            db, new = schema.connect(folder.database)
            held.callback(db.close)
            try:
                meta = runs.begin(db, folder, new=new, fsync=fsync, boot_id=boot_id, new_run=new_run)
                schema.keep_synced(db, fsync)
                checkpoints = Checkpoints(folder.database, fsync)
                held.callback(checkpoints.close)
                store = cls(db, folder, checkpoints, meta, new_run)
            except sqlite3.DatabaseError as error:
                raise from_sqlite(error, path) from None
            held.pop_all()
            return store

    @classmethod
    def memory(cls, run: str = "0" * 32, spare_run: str = "1" * 32) -> Store:
        """A store that ends with the process."""
        db, _ = schema.connect(None)
        meta = runs.Opening(run, False, False, "", 1)
        runs.write(db, meta)
        return cls(db, None, None, meta, spare_run)

    def close(self) -> None:
        """Marks the run clean and moves all into the one file. May be called again.

        Whatever it raises, the folder is free afterwards, and nothing stored is lost.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._checkpoints is not None:
                self._checkpoints.close()
            with closing(self._db):
                with self._database.errors():
                    schema.keep_synced(self._db, True)
                with self._database.transaction():
                    self._gather(self._rooms[name] for name in self._loose)
                    runs.leave(self._db)
                with self._database.errors():
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
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
        with self._database.transaction():
            self._gather(self._rooms[name] for name in self._loose)
            runs.write(self._db, meta)
        self._loose.clear()
        self._meta = meta
        for room in self._rooms.values():
            room.run_start = room.next_seq
        if self._folder is not None:
            self._folder.mark(meta.run, meta.opens)

    def probe(self) -> None:
        """Writes a little that is there already. Raises StoreError while a batch could not be written either."""
        if self._folder is not None and is_full(self._path):
            raise full(self._path, "no space")
        with self._database.transaction():
            runs.write(self._db, self._meta)

    # Logs --------------------------------------------------------------------------------------------------

    def load(self) -> Loaded:
        """All that is stored but the messages."""
        names = {room.id: room.name for room in self._rooms.values()}
        with self._database.errors():
            publishers = self._db.execute("SELECT key, room, n FROM publishers").fetchall()
            enrolled = self._db.execute("SELECT key, identity FROM enrolled").fetchall()
            nicks = self._db.execute("SELECT room, folded, nick, identity, touched FROM nicks").fetchall()
        published = {(key, names[room]): n for key, room, n in publishers if room in names}
        for name, loose in self._loose.items():
            published.update(((key, name), n) for key, (n, _) in loose.numbers.items())
        return Loaded(
            [replace(room, last=dict(room.last)) for room in self._rooms.values()],
            published,
            dict(enrolled),
            [NickRecord(names[room], *rest) for room, *rest in nicks if room in names],
        )

    def recent(self, since_ts: int, limit: int) -> Iterator[tuple[str, bytes]]:
        """The newest blocks of all rooms since `since_ts` that hold about `limit` entries: (room, body), oldest first.

        To be read before the first commit.
        """
        with self._database.errors():
            yield from logs.recent(self._db, self._rooms, since_ts, limit)

    def commit(self, batch: Batch, now: float) -> None:
        """Stores a batch whole or, raising StoreError, not at all. Makes rooms that are not there yet.

        Each room's blocks must go on from its `next_seq`: ValueError if they do not.
        """
        published = batch.published_by_room()
        rooms: dict[str, RoomRecord] = {}
        counts: dict[str, int] = {}
        rows = []
        for block in batch.blocks:
            name = block.room
            room = rooms.get(name) or self._copy(rooms, name, now)
            if block.first != room.next_seq or block.count < 1:
                raise ValueError(f"seq {block.first} does not follow {room.next_seq - 1} in {name}")
            if room.start == block.first:
                room.oldest = block.ts
            room.next_seq += block.count
            room.last.update(block.last)
            # The first block of a room in a batch carries its numbers: the batch is there whole or not at all.
            rows.append(logs.row(room.id, block, None if name in counts else published.get(name)))
            counts[name] = counts.get(name, 0) + 1
        for name in published:
            if name not in rooms:
                self._copy(rooms, name, now)
        due: dict[str, dict[bytes, tuple[int, float]]] = {}
        for name in rooms:
            loose = self._loose.get(name) or _Loose()
            if name not in self._rooms or name not in counts or loose.blocks >= STORE_GATHER_BLOCKS:
                fresh = {key: (n, now) for key, n in published.get(name, {}).items()}
                due[name] = {**loose.numbers, **fresh}
        with self._database.transaction():
            logs.append(self._db, rows)
            for name, numbers in due.items():
                logs.gather(self._db, rooms[name], numbers)
        self._rooms.update(rooms)
        for name in rooms:
            if name in due:
                self._loose.pop(name, None)
            else:
                loose = self._loose.setdefault(name, _Loose())
                loose.blocks += counts[name]
                loose.numbers.update((key, (n, now)) for key, n in published.get(name, {}).items())

    def start(self, room: str) -> int:
        """The first retained seq; head + 1 if there is none."""
        row = self._rooms.get(room)
        return row.start if row is not None else 1

    def page(self, room: str, after: int, limit: int, limit_bytes: int) -> LogPage:
        """The blocks that hold the first `limit` entries above `after` that are retained.

        Of `limit_bytes` at most, unless the first alone is larger. The first may begin at or before `after`.
        """
        row = self._rooms.get(room)
        if row is None:
            return LogPage(1, 0, [])
        with self._database.errors():
            return logs.page(self._db, row, after, limit, limit_bytes)

    def retain(self, now: float, messages: int, age_s: float, chunk: int) -> int:
        """Removes what is past `messages` or `age_s` in a room, at most `chunk` entries in all. Returns how many.

        By count to the very entry: what a block holds before the room's `start` is no more. By age whole blocks.
        """
        with self._database.errors():
            cuts = self._retention.cuts(self._db, self._rooms.values(), messages, now - age_s, chunk)
        if not cuts:
            return 0
        rooms: dict[str, RoomRecord] = {}
        for cut in cuts:
            self._copy(rooms, cut.room.name, now).start = cut.start
        with self._database.transaction():
            self._gather(rooms.values())
            for room in rooms.values():
                logs.cut(self._db, room)
                room.oldest = logs.oldest(self._db, room.id)
        self._rooms.update(rooms)
        for name in rooms:
            self._loose.pop(name, None)
        return sum(cut.start - cut.room.start for cut in cuts)

    def rest(self, now: float) -> None:
        """To be called now and then, `now` monotonic: gives the disk back what nobody writes to any more."""
        self._database.rest(now)

    # Keys and nicks ----------------------------------------------------------------------------------------

    def enrol(self, key: bytes, identity: bytes, now: float) -> None:
        """Remembers that the session with this CURVE key (32 bytes) is of this person."""
        statement = "INSERT OR REPLACE INTO enrolled (key, identity, touched) VALUES (?, ?, ?)"
        self._database.change(statement, key, identity, now)

    def unenrol(self, key: bytes) -> None:
        """Forgets the key: it is admitted no more."""
        self._database.change("DELETE FROM enrolled WHERE key = ?", key)

    def touch(self, keys: Iterable[bytes], now: float) -> None:
        """Marks these sessions as alive: neither their keys nor their numbers age."""
        rows = [(now, key) for key in keys]
        with self._database.transaction():
            self._gather(self._rooms[name] for name in self._loose)
            self._db.executemany("UPDATE enrolled SET touched = ? WHERE key = ?", rows)
            self._db.executemany("UPDATE publishers SET touched = ? WHERE key = ?", rows)
        self._loose.clear()

    def prune(
        self, now: float, enrolled_s: float = ENROLLED_KEPT_S, publishers_s: float = PUBLISHERS_KEPT_S
    ) -> list[bytes]:
        """Forgets keys and numbers that were not touched for so long. Returns the keys."""
        with self._database.transaction():
            limit = (now - enrolled_s,)
            gone = self._db.execute("SELECT key FROM enrolled WHERE touched < ?", limit).fetchall()
            self._db.execute("DELETE FROM enrolled WHERE touched < ?", limit)
            self._db.execute("DELETE FROM publishers WHERE touched < ?", (now - publishers_s,))
        return [key for (key,) in gone]

    def own_nick(self, room: str, folded: str, nick: str, identity: bytes, now: float) -> None:
        """Reserves the nick for this person, whoever had it. Makes the room if it is not there yet."""
        rooms: dict[str, RoomRecord] = {}
        row = self._rooms.get(room) or self._copy(rooms, room, now)
        with self._database.transaction():
            self._gather(rooms.values())
            self._db.execute(
                "INSERT OR REPLACE INTO nicks (room, folded, nick, identity, touched) VALUES (?, ?, ?, ?, ?)",
                (row.id, folded, nick, identity, now),
            )
        self._rooms.update(rooms)

    def free_nick(self, room: str, folded: str) -> None:
        """Gives the nick up."""
        if (row := self._rooms.get(room)) is not None:
            self._database.change("DELETE FROM nicks WHERE room = ? AND folded = ?", row.id, folded)

    # Inside ------------------------------------------------------------------------------------------------

    def _copy(self, rooms: dict[str, RoomRecord], name: str, now: float) -> RoomRecord:
        """A room to be changed, put into `rooms`; one that is not there yet gets the next id."""
        row = self._rooms.get(name)
        if row is not None:
            row = replace(row, last=dict(row.last))
        else:
            # An id that a failed commit took is passed over: the number means nothing.
            self._ids += 1
            row = RoomRecord(self._ids, name, 1, 1, {}, now, 1, 0)
        rooms[name] = row
        return row

    def _gather(self, rooms: Iterable[RoomRecord]) -> None:
        """Writes all that is known of these rooms: see `logs`."""
        for room in rooms:
            logs.gather(self._db, room, self._loose.get(room.name, _Loose()).numbers)
