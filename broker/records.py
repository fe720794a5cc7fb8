"""Records that go into the log, and that come out of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec


class LogBlock(msgspec.Struct, frozen=True, gc=False):
    """A run of messages as stored: `first` to `first + count - 1` of a room, `ts` (wall, whole seconds) of the newest,
    the last seq of each type among them, and their bytes, which are nothing to the store.

    A Struct, for at rest one is made a message: ten times as fast as a frozen dataclass.
    """

    room: str
    first: int
    count: int
    ts: int
    last: dict[str, int]
    body: bytes


@dataclass(slots=True)
class Batch:
    """A commit: blocks, each room's in the order of their seqs, and the last number of each (publisher's CURVE key,
    room).
    """

    blocks: list[LogBlock]
    published: dict[tuple[bytes, str], int] = field(default_factory=dict)

    def published_by_room(self) -> dict[str, dict[bytes, int]]:
        """The last number of each publisher, room by room."""
        rooms: dict[str, dict[bytes, int]] = {}
        for (key, name), number in self.published.items():
            rooms.setdefault(name, {})[key] = number
        return rooms


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of a room's log: (first, count, body), oldest first.

    The log is retained from `start` on and ends at `head`.

    The first block may begin before what was asked for, and before `start`.
    """

    start: int
    head: int
    blocks: list[tuple[int, int, bytes]]


@dataclass(slots=True)
class RoomRecord:
    """A room as the log knows it: what comes next, where the run began in it, the last seq of each type.

    It is retained from `start` on, which is `next_seq` where nothing is; `oldest` is the ts of the first block,
    which may begin before `start`.
    """

    id: int
    name: str
    next_seq: int
    run_start: int
    last: dict[str, int]
    created: float
    start: int
    oldest: int


@dataclass(frozen=True, slots=True)
class NickRecord:
    """A reserved nick: `identity` owns `nick`, compared as `folded`, in `room`."""

    room: str
    folded: str
    nick: str
    identity: bytes
    touched: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """All that a broker reads at its start: rooms, last numbers by (key, room), identities by CURVE key, nicks."""

    rooms: list[RoomRecord]
    publishers: dict[tuple[bytes, str], int]
    enrolled: dict[bytes, bytes]
    nicks: list[NickRecord]


@dataclass(frozen=True, slots=True)
class ClockRecord:
    """Wall seconds: since when the clock has gone on without a jump, and when it was last seen to."""

    since: float
    seen: float
