"""The log on disk as the core needs it: a port, which `store/` implements with SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from sandpiper.broker.records import Batch, Loaded, LogPage
from sandpiper.common.errors import SandpiperError


class StoreError(SandpiperError):
    """An error of the data folder: it cannot be used, or not now.

    Its own words are the operator's, and name the path; `outside` is what everybody else is told.
    """

    outside = "its disk does not work"


class RoomLogs(Protocol):
    """The logs of all rooms, and what else a broker must not forget of them. Each method may raise StoreError."""

    @property
    def run(self) -> str:
        """The run that seqs now belong to."""

    @property
    def inherited(self) -> bool:
        """Whether another process began this run."""

    def new_run(self) -> None:
        """Begins a run in every room, behind its head. Does nothing if it has begun already."""

    def load(self) -> Loaded:
        """All but the logs themselves."""

    def recent(self, since_ts: int, limit: int) -> Iterator[tuple[str, bytes]]:
        """The newest blocks of all rooms, as (room, body), oldest first: since `since_ts`, about `limit` entries."""

    def commit(self, batch: Batch, now: float) -> None:
        """Stores a batch whole or, raising StoreError, not at all."""

    def probe(self) -> None:
        """Raises StoreError while a batch could not be written either."""

    def start(self, room: str) -> int:
        """The first retained seq; head + 1 if there is none."""

    def page(self, room: str, after: int, limit: int, limit_bytes: int) -> LogPage:
        """The blocks that hold the first `limit` retained entries above `after`, of `limit_bytes` at most."""

    def own_nick(self, room: str, folded: str, nick: str, identity: bytes, now: float) -> None:
        """Reserves the nick for this person, whoever had it."""

    def free_nick(self, room: str, folded: str) -> None:
        """Gives the nick up."""


class EnrolledKeys(Protocol):
    """The CURVE keys that have enrolled, each with its person. Each method may raise StoreError."""

    def load(self) -> Loaded:
        """All but the logs themselves."""

    def enrol(self, key: bytes, identity: bytes, now: float) -> None:
        """Remembers that the session with this CURVE key (32 bytes) is of this person."""

    def unenrol(self, key: bytes) -> None:
        """Forgets the key."""
