"""Runs: whether a log can go on under the run that it had.

(run, seq) must name one message for ever. A log whose end is in doubt might give a seq out twice, so it goes
on under a new run. In doubt means: power was lost before the disk had everything, or this is an older copy.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandpiper.broker.log import StoreError
from sandpiper.broker.store import logs
from sandpiper.broker.store.data_dir import DataDir
from sandpiper.broker.store.errors import corrupt
from sandpiper.broker.store.schema import check


@dataclass(frozen=True, slots=True)
class Opening:
    """The database's last opening, its `opens`th: `clean` once it was closed, `synced` with fsync."""

    run: str
    clean: bool
    synced: bool
    boot: str
    opens: int

    def ends_where_it_stopped(self, boot_id: str) -> bool:
        """Whether the last commit is there for sure. An empty boot id is unknown, and proves nothing."""
        return self.clean or self.synced or (self.boot == boot_id and boot_id != "")


def begin(db: sqlite3.Connection, folder: DataDir, *, new: bool, fsync: bool, boot_id: str, new_run: str) -> Opening:
    """Goes on with the run that was, or begins `new_run`. Reads every page after an unclean stop, and gathers the logs.

    Raises StoreError and sqlite3.DatabaseError.
    """
    last = None if new else read(db, folder.database)
    if last is None:
        meta = Opening(new_run, False, fsync, boot_id, 1)
    else:
        if not last.clean:
            check(db, folder.database)
        kept = last.ends_where_it_stopped(boot_id) and folder.is_marked(last.run, last.opens)
        meta = Opening(last.run if kept else new_run, False, fsync, boot_id, last.opens + 1)
    db.execute("BEGIN IMMEDIATE")
    logs.recover(db, folder.database)
    write(db, meta)
    db.execute("COMMIT")
    try:
        folder.mark(meta.run, meta.opens)
    except StoreError:
        if last is not None and last.run == meta.run:
            _take_back(db, last)
        raise
    return meta


def _take_back(db: sqlite3.Connection, last: Opening) -> None:
    """Undoes an opening that failed: the mark fits again, and the next opening goes on with the old run."""
    with suppress(sqlite3.Error):  # then the next begins a run of its own
        db.execute("BEGIN IMMEDIATE")
        write(db, last)
        db.execute("COMMIT")


def write(db: sqlite3.Connection, meta: Opening) -> None:
    """Writes `meta`; under another run than before, every log begins anew behind its head.

    Needs a transaction, and all logs gathered. The folder is to be marked after it: a crash between the two leaves
    them different, and the next open then begins a run of its own. Raises sqlite3.DatabaseError.
    """
    before = db.execute("SELECT run FROM meta").fetchone()
    if before is not None and before[0] != meta.run:
        db.execute("UPDATE rooms SET run_start = next_seq")
    row = (meta.run, meta.clean, meta.synced, meta.boot, meta.opens)
    db.execute("INSERT OR REPLACE INTO meta (one, run, clean, synced, boot, opens) VALUES (1, ?, ?, ?, ?, ?)", row)


def leave(db: sqlite3.Connection) -> None:
    """Marks the database as closed cleanly. Raises sqlite3.DatabaseError."""
    db.execute("UPDATE meta SET clean = 1")


def read(db: sqlite3.Connection, path: Path) -> Opening:
    """How the database was opened last. Raises StoreCorrupt and sqlite3.DatabaseError."""
    row = db.execute("SELECT run, clean, synced, boot, opens FROM meta").fetchone()
    if row is None or not isinstance(row[0], str) or not isinstance(row[4], int):
        raise corrupt(path, "it does not say which run it holds")
    return Opening(row[0], bool(row[1]), bool(row[2]), str(row[3]), row[4])
