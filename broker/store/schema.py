"""The database: its tables, and how it is opened.

WAL, because a commit then is one sequential write, and a checkpoint runs beside it. The folder's lock keeps other
brokers out; another program may look, and one that writes gets in our way but does no harm.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from sandpiper.broker.store.errors import corrupt, from_sqlite, newer
from sandpiper.common.limits import STORE_CACHE_KIB, STORE_CHECKPOINT_BYTES

SCHEMA: Final = 1
_APPLICATION: Final = 0x53505052  # "SPPR", so that another program's database is not taken for ours

_CLOCK: Final = """CREATE TABLE IF NOT EXISTS clock (
    one INTEGER PRIMARY KEY CHECK (one = 1), since REAL NOT NULL, seen REAL NOT NULL)"""
"""In a database from before it there is none, and whoever does not know it does not miss it."""
_TABLES: Final = (
    """CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1), run TEXT NOT NULL, clean INTEGER NOT NULL,
        synced INTEGER NOT NULL, boot TEXT NOT NULL, opens INTEGER NOT NULL)""",
    """CREATE TABLE rooms (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next_seq INTEGER NOT NULL,
        start INTEGER NOT NULL, run_start INTEGER NOT NULL, last BLOB NOT NULL, created REAL NOT NULL)""",
    """CREATE TABLE log (
        id INTEGER PRIMARY KEY, count INTEGER NOT NULL, ts INTEGER NOT NULL, last BLOB NOT NULL,
        published BLOB, body BLOB NOT NULL)""",
    """CREATE TABLE publishers (
        key BLOB NOT NULL, room INTEGER NOT NULL, n INTEGER NOT NULL, touched REAL NOT NULL,
        PRIMARY KEY (key, room)) WITHOUT ROWID""",
    """CREATE TABLE enrolled (
        key BLOB PRIMARY KEY NOT NULL, identity BLOB NOT NULL, touched REAL NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE nicks (
        room INTEGER NOT NULL, folded TEXT NOT NULL, nick TEXT NOT NULL, identity BLOB NOT NULL,
        touched REAL NOT NULL,
        PRIMARY KEY (room, folded)) WITHOUT ROWID""",
)


def connect(path: Path | None) -> tuple[sqlite3.Connection, bool]:
    """The database at `path` (None: in memory), and whether it is new: then it has its tables and no rows.

    Commits reach the disk itself (`keep_synced`) until told otherwise. Raises StoreError.
    """
    name = Path(":memory:") if path is None else path
    try:
        db = sqlite3.connect(name, timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        raise from_sqlite(error, name) from None
    try:
        return db, _recognise(db, name)
    except sqlite3.DatabaseError as error:
        db.close()
        raise from_sqlite(error, name) from None
    except BaseException:
        db.close()
        raise


def keep_synced(db: sqlite3.Connection, synced: bool) -> None:
    """Whether a commit waits until the disk has it. Without, it survives the process, not the power."""
    db.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
    db.execute(f"PRAGMA fullfsync = {'ON' if synced else 'OFF'}")  # for macOS, whose fsync is none


def check(db: sqlite3.Connection, path: Path) -> None:
    """Reads every page. Raises StoreCorrupt."""
    try:
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise from_sqlite(error, path) from None
    if found != "ok":
        raise corrupt(path, str(found))


def _recognise(db: sqlite3.Connection, path: Path) -> bool:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    new = bool(application == 0 and tables == 0)
    if not new and application != _APPLICATION:
        raise corrupt(path, "a database of another program")
    if version > SCHEMA:
        raise newer(path, version, SCHEMA)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute(f"PRAGMA journal_size_limit = {STORE_CHECKPOINT_BYTES}")
    db.execute(f"PRAGMA cache_size = -{STORE_CACHE_KIB}")
    # Debian's SQLite writes every freed page once more, as zeros: retention would cost as much as publishing.
    db.execute("PRAGMA secure_delete = FAST")
    db.execute("PRAGMA cell_size_check = ON")
    db.execute("PRAGMA trusted_schema = OFF")
    keep_synced(db, True)
    if new:
        _create(db)
    db.execute(_CLOCK)
    return new


def _create(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    for table in _TABLES:
        db.execute(table)
    db.execute(f"PRAGMA application_id = {_APPLICATION}")
    db.execute(f"PRAGMA user_version = {SCHEMA}")
    db.execute("COMMIT")
