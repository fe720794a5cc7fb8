"""What a member wants done, and how it behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sandpiper.peer.p2p.state.peer import Peer


@dataclass(frozen=True, slots=True)
class Out:
    """A packet to send: to one session, or to all; `told` are those, where they are others than will be here then."""

    to: bytes | None
    packet: bytes
    told: tuple[Peer, ...] | None = None


@dataclass(frozen=True, slots=True)
class Came:
    """It was told that this one is here, or is gone."""

    peer: Peer
    here: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """A session is in the room, or its card has changed: connect to it."""

    session: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """A session is out of the room, or away: nothing of ours is to lead to its mesh key any more."""

    session: bytes
    curve: bytes


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
