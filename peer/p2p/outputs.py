"""What a member wants done, and how it behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Out:
    """A packet to send: to one session, or to all."""

    to: bytes | None
    packet: bytes


@dataclass(frozen=True, slots=True)
class Came:
    """Others were told that this session is here, or is gone."""

    session: bytes
    here: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """A session is in the room, or its card has changed: connect to it."""

    session: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """A session is out of the room."""

    session: bytes


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """Topics, lease and tag follow from another key now. `cut`: accepted connections must be made anew."""

    cut: bool


@dataclass(frozen=True, slots=True)
class NewCard:
    """One's own card has changed, so the lease's should."""


Command: TypeAlias = Reach | Drop | Came | NewEpoch | NewCard


@dataclass
class Settings:
    """How this session behaves."""

    nick: str
    quiet: bool = False
    caps: list[str] = field(default_factory=lambda: ["msg", "me", "data", "whisper"])
