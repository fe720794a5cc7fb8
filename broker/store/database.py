"""An open database: transactions that happen whole or not at all, and SQLite's errors as ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sandpiper.broker.store.checkpoints import Checkpoints
from sandpiper.broker.store.errors import from_sqlite
from sandpiper.common.limits import STORE_QUIET_S


class Database:
    """A connection to SQLite and the thread that makes its checkpoints, if there is one. `path` is for error lines."""

    def __init__(self, connection: sqlite3.Connection, checkpoints: Checkpoints | None, path: Path) -> None:
        self._connection = connection
        self._checkpoints = checkpoints
        self._gate = checkpoints.gate if checkpoints is not None else nullcontext()
        self._path = path
        self._quiet_since: float | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Whatever goes wrong, no transaction stays open."""
        with self.errors(), self._gate:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has undone it by itself after some errors, a full disk among them.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if self._checkpoints is not None:
                    self._checkpoints.ask()
                raise
        if self._checkpoints is not None:
            self._checkpoints.grown()
            self._quiet_since = None

    def row(self, query: str) -> tuple[Any, ...] | None:
        """The first row that a query finds, None if it finds none."""
        with self.errors():
            found: tuple[Any, ...] | None = self._connection.execute(query).fetchone()
        return found

    def change(self, statement: str, *values: object) -> None:
        """Runs one statement in a transaction of its own."""
        with self.transaction():
            self._connection.execute(statement, values)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """SQLite's errors as StoreError; misuse (a closed database, a wrong thread) stays what it is."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.DatabaseError as error:
            raise from_sqlite(error, self._path) from error

    def rest(self, now: float) -> None:
        """Empties the write-ahead log once nothing has been committed for STORE_QUIET_S."""
        if self._checkpoints is None:
            return
        if self._quiet_since is None:
            self._quiet_since = now
        elif now - self._quiet_since >= STORE_QUIET_S:
            self._quiet_since = now
            self._checkpoints.empty()
