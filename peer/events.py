"""What a room tells its user: `async for event in room`.

Stored messages come as `Received`; notices and whispers as the messages they are (`Notice`, `Whisper`), `Lost` and
`Trimmed` where the log has a hole that nobody can fill, `Found` if somebody can after all; and the rest, here, is about
the connection and about what one has sent.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from sandpiper.common.legacy import PeerJoined, PeerLeft, RoomCreated
from sandpiper.common.messages import Found, Lost, Message, Notice, Trimmed, Whisper

__all__ = [
    "CodeChanged", "Delivered", "Entered", "Event", "Failed", "Found", "Held", "Lost", "Message", "Notice",
    "PathChanged", "PeerJoined", "PeerLeft", "Received", "Resumed", "RoomCreated", "Trimmed", "Warned", "Whisper",
]  # fmt: skip


class Received(msgspec.Struct, frozen=True, gc=False):
    """A stored message, once and in the log's order. `own`: this session sent it. `backlog`: older than the join.

    `late`: it had been told to be lost, so what follows it in its log was told before it; a Found comes first.
    """

    message: Message
    own: bool = False
    backlog: bool = False
    late: bool = False


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """The publication `id` is stored as `seq`; 0 where the broker knows only that it is, after a long outage."""

    id: str
    seq: int


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The publication `id` was refused for good."""

    id: str
    code: str
    text: str


class Held(msgspec.Struct, frozen=True, gc=False):
    """Messages from here are turned away for now; they are kept, and sent again by themselves.

    `code` is the wire's word (`store`: the broker cannot write its log), or `path` where they seem to get lost on the
    way for their size; `text` says why. Told once for each reason, until Resumed.
    """

    code: str
    text: str


class Resumed(msgspec.Struct, frozen=True, gc=False):
    """Messages are being stored again, after Held."""


class Entered(msgspec.Struct, frozen=True, gc=False):
    """This member is in the room `room` as `nick`: for the first time, or `again` after a reconnect."""

    room: str
    nick: str
    again: bool = False


class PathChanged(msgspec.Struct, frozen=True, gc=False):
    """Messages travel another way now: `bus`, `one-port` or `offline`; between peers as `Room.path`.

    `text` says why, for a person.
    """

    path: str
    text: str


WRITING_WAITS: Final = "; what you write waits for them"
"""The end of a PathChanged's text that only concerns those who write."""


class Warned(msgspec.Struct, frozen=True, gc=False):
    """Something that a person should know of, in words: a guess at the code, a person with another key, a cheat.

    `kind` is one of `guess`, `code`, `key`, `cheat`, `kick`, `waiting`, `lan`, `relay`, `storage`, for
    programs.
    """

    kind: str
    text: str


class CodeChanged(msgspec.Struct, frozen=True, gc=False):
    """The room has another code now, and perhaps another password; the old ones no longer open it."""

    code: str
    password: str | None = None

    def __repr__(self) -> str:
        return "CodeChanged(…)"  # a code is a secret, and a repr may end in a log


Event: TypeAlias = (
    Received
    | Delivered
    | Failed
    | Held
    | Resumed
    | Entered
    | PathChanged
    | Notice
    | Whisper
    | Lost
    | Found
    | Trimmed
    | Warned
    | CodeChanged
    | RoomCreated
    | PeerJoined
    | PeerLeft
)
