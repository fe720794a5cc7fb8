"""The table that remembers how the wall clock was seen, for the broker that opens the store next."""

from __future__ import annotations

from sandpiper.broker.records import ClockRecord
from sandpiper.broker.store.database import Database


class ClockTable:
    """The one row of the table. Its methods may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> ClockRecord | None:
        """How the clock was last seen, None if no broker has kept that."""
        found = self._database.row("SELECT since, seen FROM clock")
        return None if found is None else ClockRecord(*found)

    def keep(self, clock: ClockRecord) -> None:
        """Remembers how the clock is seen now."""
        statement = "INSERT OR REPLACE INTO clock (one, since, seen) VALUES (1, ?, ?)"
        self._database.change(statement, clock.since, clock.seen)
