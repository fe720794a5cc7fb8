"""What a program may know of a room that it is in, as plain values."""

from __future__ import annotations

import msgspec


class RoomStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A room as it is at one moment, seen by one of its members."""

    name: str
    """A broker's name for the room, or the code of a room between peers."""
    where: str
    """Where the room is, in one word: the broker's address, or `p2p`."""
    code: str | None = None
    """The code that others join by; None for a broker's room."""
    password_needed: bool = False
    """Whether others need a password besides the code."""
    broker: str = ""
    """The fingerprint of the broker's key; empty for a room between peers."""
    nick: str
    """The nick that this member has now."""
    fingerprint: str
    """The fingerprint of this member's key."""
    path: str
    """How messages travel now; `offline` when they do not."""
    rtt_ms: float | None = None
    """The last round trip, to the broker or to the nearest member."""
    run: str = ""
    """The run of the log that this member's messages go to, 32 hex digits."""
    seq: int = 0
    """The seq of that log's newest message when this member entered."""
    alone: bool = False
    """Whether nobody is present who could store a message, which is no fault of the connection."""
    trouble: str = ""
    """Why the broker, or members who are present, cannot be reached, in one line; empty if they can."""
    compared: tuple[str, ...] = ()
    """The fingerprints of the persons whose words were found to be the same, in this session."""
    held: str = ""
    """Why the broker turns messages away for now, in one line; empty if it does not."""


class Verification(msgspec.Struct, frozen=True):
    """The words that two people compare out loud: the same on both sides, or somebody is in between."""

    nick: str
    fingerprint: str
    phrase: str
    shown: bool = False
    """Whether the other's program shows the words too. If not, the other has to ask for them as well."""


class PathInfo(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """How one member is reached: `path` now, its round trip, and why a better one does not work (`error`)."""

    nick: str
    from_: str | None
    path: str
    rtt_ms: float | None
    error: str
