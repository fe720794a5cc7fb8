"""Checkpoints: the write-ahead log is moved into the database by a thread, so that no commit waits for the disk.

Commits go on while the thread moves what there is; what they add meanwhile is little, and moving that, with the commits
held up, lets the next one begin the log anew. A checkpoint that fails (a full disk) leaves everything in the log, and
is tried again when that has grown once more. So it is when somebody outside reads the database for long: what has been
written since he began cannot be moved.

How long the log is tells its file, which SQLite gives back down to STORE_CHECKPOINT_BYTES when it begins anew: a file
that is larger is full.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from threading import Event, Lock, Thread

from sandpiper.broker.store.errors import from_sqlite
from sandpiper.broker.store.schema import keep_synced
from sandpiper.common.limits import STORE_CHECKPOINT_BYTES, STORE_LEFT_PAGES, STORE_WAL_BYTES, STORE_WAL_WAIT_S

log = logging.getLogger("sandpiper.broker")

_PASSES = 4
_PAGE_BYTES = 4096


class Checkpoints:
    """A thread that moves the write-ahead log into the database, until `close`.

    `gate` is held by whoever writes; all else is for the thread that does.
    """

    def __init__(self, database: Path, fsync: bool) -> None:
        """Raises sqlite3.DatabaseError."""
        self.gate = Lock()
        self._path = database
        self._log = Path(f"{database}-wal")
        self._db = sqlite3.connect(database, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            keep_synced(self._db, fsync)
        except BaseException:
            self._db.close()
            raise
        self._next_at = STORE_CHECKPOINT_BYTES
        self._emptying = False
        self._stuck = False
        self._asked = Event()
        self._answered = Event()
        self._answered.set()
        self._closing = False
        self._thread = Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    @property
    def size(self) -> int:
        """Bytes of the log's file."""
        try:
            return self._log.stat().st_size
        except OSError:  # not there before the first commit
            return 0

    def grown(self) -> None:
        """To be called after each commit. Waits for a checkpoint that is too slow by far."""
        size = self.size
        if size <= STORE_CHECKPOINT_BYTES:
            self._next_at, self._stuck = STORE_CHECKPOINT_BYTES, False
            return
        if size >= STORE_WAL_BYTES:
            self._answered.wait(STORE_WAL_WAIT_S)
        if size > self._next_at and self._answered.is_set():
            self._next_at = (
                size + STORE_CHECKPOINT_BYTES
            )  # one that could not move everything is not asked again at once
            self.ask()

    def empty(self) -> None:
        """Asks for all of the log to be moved, and its file to be emptied, because nothing is being committed."""
        if self.size:
            self._emptying = True
            self.ask()

    def ask(self) -> None:
        """Asks for a checkpoint, if none is under way."""
        if self._answered.is_set():
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
            before, (size, _) = size, self._pass()
            # What came during one pass is about what comes during the next.
            if size - before <= STORE_LEFT_PAGES or size * _PAGE_BYTES >= STORE_WAL_BYTES:
                break
        emptying, self._emptying = self._emptying, False
        with self.gate:
            size, moved = self._pass("TRUNCATE" if emptying else "PASSIVE")
        if moved < size and self.size >= STORE_WAL_BYTES and not self._stuck:
            self._stuck = True
            log.warning("%s grows without end: another program reads the database all the time", self._log)

    def _pass(self, kind: str = "PASSIVE") -> tuple[int, int]:
        """Moves what is there when it begins, and makes nobody wait. The log's length then, and what of it is moved."""
        _, size, moved = self._db.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
        return int(size), int(moved)
