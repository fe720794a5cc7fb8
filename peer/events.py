"""What a room tells its user: `async for event in room`.

Stored messages come as `Received`; notices and whispers as the messages they are (`Notice`, `Whisper`), `Lost` and
`Trimmed` where the log has a hole that nobody can fill; and the rest, here, is about the connection and about what
one has sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sandpiper.common.messages import Lost, Message, Notice, Trimmed, Whisper


@dataclass(frozen=True, slots=True)
class Received:
    """A stored message, once and in the log's order. `own`: this session sent it. `backlog`: older than the join."""

    message: Message
    own: bool = False
    backlog: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """The publication `id` is stored as `seq`."""

    id: str
    seq: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The publication `id` was refused for good."""

    id: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Entered:
    """In the room `room` as `nick`; the first time, and again after a reconnect (`again`)."""

    room: str
    nick: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class PathChanged:
    """How messages travel now: `bus`, `one-port`, or `offline`; `text` says why, in words for a person."""

    path: str
    text: str


Event: TypeAlias = Received | Delivered | Failed | Entered | PathChanged | Notice | Whisper | Lost | Trimmed
