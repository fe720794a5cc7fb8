"""Checkpoints: the write-ahead log is moved into the database by a thread, so that no commit waits for the disk.

Commits go on while the thread moves what there is; what they add meanwhile is little, and moving that, with the commits
held up, lets the next one begin the log anew. A checkpoint that fails (a full disk) leaves everything in the log, and
is tried again when that has grown once more.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from threading import Event, Lock, Thread

from sandpiper.broker.schema import keep_synced
from sandpiper.broker.store_errors import from_sqlite
from sandpiper.common.limits import STORE_CHECKPOINT_PAGES, STORE_LEFT_PAGES, STORE_WAL_PAGES, STORE_WAL_WAIT_S

log = logging.getLogger("sandpiper.broker")

_PASSES = 4


class Checkpoints:
    """Runs until `close`. `gate` is held by whoever writes; all else is for the thread that does."""

    def __init__(self, database: Path, fsync: bool) -> None:
        """Raises sqlite3.DatabaseError."""
        self.gate = Lock()
        self._path = database
        self._db = sqlite3.connect(database, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            keep_synced(self._db, fsync)
        except BaseException:
            self._db.close()
            raise
        self._pages = 0  # since the last was asked for
        self._asked = Event()
        self._answered = Event()
        self._answered.set()
        self._closing = False
        self._thread = Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def grown(self, pages: int) -> None:
        """The log has grown by about so many pages. Waits for a checkpoint that is too slow by far."""
        self._pages += pages
        if self._pages < STORE_CHECKPOINT_PAGES:
            return
        if self._pages >= STORE_WAL_PAGES:
            self._answered.wait(STORE_WAL_WAIT_S)
        self.ask()

    def ask(self) -> None:
        """A checkpoint is wanted, if none is under way."""
        if self._answered.is_set():
            self._pages = 0
            self._answered.clear()
            self._asked.set()

    def close(self) -> None:
        """Ends the thread. May be called again."""
        self._closing = True
        self._asked.set()
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        failed = False
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._closing:
                return
            try:
                self._checkpoint()
                failed = False
            except sqlite3.Error as error:
                if not failed:
                    log.warning("checkpoint failed: %s", from_sqlite(error, self._path))
                failed = True
            self._answered.set()

    def _checkpoint(self) -> None:
        size = 0
        for _ in range(_PASSES):
            before, size = size, self._pass()
            # What came during one pass is about what comes during the next.
            if size - before <= STORE_LEFT_PAGES or size >= STORE_WAL_PAGES:
                break
        with self.gate:
            self._pass()

    def _pass(self) -> int:
        """Moves what is there when it begins, and makes nobody wait. Returns the log's length then, in pages."""
        return int(self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])
