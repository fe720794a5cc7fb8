"""What a member wants done, and how it behaves."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from sandpiper.common.errors import Refusal
from sandpiper.peer.p2p.state.peer import Peer


@dataclass(frozen=True, slots=True)
class OutgoingPacket:
    """A packet to send: to the session `to`, or to the room. `recipients`: only to these, if given; else to everybody
    who is present when it is sent.
    """

    to: bytes | None
    packet: bytes
    recipients: tuple[Peer, ...] | None = None


@dataclass(frozen=True, slots=True)
class Came:
    """The user was told that this member is here, or is gone."""

    peer: Peer
    here: bool


@dataclass(frozen=True, slots=True)
class Named:
    """This member has a nick that it had not before, announced or not."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class Reach:
    """Connect to this session: it is in the room, or its card has changed."""

    session: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """Close our connections to this mesh key: its session is out of the room, or away."""

    session: bytes
    curve: bytes


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """Topics, lease and relay tag follow from another key now. `cut`: accepted connections must be made anew."""

    cut: bool


@dataclass(frozen=True, slots=True)
class NewCard:
    """The member's own card has changed, so the lease must be renewed with it."""


Command: TypeAlias = Reach | Drop | Came | Named | NewEpoch | NewCard

Answer: TypeAlias = "tuple[str, Refusal | None]"
"""How a whisper of ours has ended: its name, and why it did not arrive."""


class OutgoingLetter(NamedTuple):
    """A packet for a mailbox at a discovery service."""

    service: Hashable
    mailbox: bytes
    packet: bytes


@dataclass(frozen=True, slots=True)
class Outputs:
    """All that has collected in a member since its outputs were last taken."""

    commands: list[Command]
    packets: list[OutgoingPacket]
    letters: list[OutgoingLetter]
    answers: list[Answer]


@dataclass
class MemberSettings:
    """The nick of a session, whether it is announced, and what it can do."""

    nick: str
    quiet: bool = False
    caps: list[str] = field(default_factory=lambda: ["msg", "me", "data", "whisper"])
