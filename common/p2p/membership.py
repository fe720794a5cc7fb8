"""Deeds: the entries of a member's second log, from which everyone derives who is in the room, and by which key.

Each is as good as the session that wrote it: a member, until a Rekey says from which seq on it no longer is one.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from sandpiper.common import codec
from sandpiper.common.p2p.sealing import verified

_VOUCH: Final = b"sandpiper member v1\0"
_BOND: Final = b"sandpiper session v1\0"


class Keys(msgspec.Struct, frozen=True):
    """A session's keys: `identity` and `session` are Ed25519, `box` X25519, `curve` the mesh's.

    `vouch` is the identity's signature over the room and the three others, `bond` the session's over the room and its
    three: so nobody can say that another's session is theirs.
    """

    identity: bytes
    session: bytes
    box: bytes
    curve: bytes
    vouch: bytes
    bond: bytes

    def holds(self, room: bytes) -> bool:
        """Whether the identity vouches for the session, and the session for it, in this room."""
        sizes = (len(self.identity), len(self.session), len(self.box), len(self.curve))
        return (
            sizes == (32, 32, 32, 32)
            and verified(self.identity, vouch_text(room, self.session, self.box, self.curve), self.vouch)
            and verified(self.session, bond_text(room, self.identity, self.box, self.curve), self.bond)
        )


def vouch_text(room: bytes, session: bytes, box: bytes, curve: bytes) -> bytes:
    """Returns the text that an identity signs for one of its sessions."""
    return _VOUCH + room + session + box + curve


def bond_text(room: bytes, identity: bytes, box: bytes, curve: bytes) -> bytes:
    """Returns the text that a session signs of itself."""
    return _BOND + room + identity + box + curve


class Deed(msgspec.Struct, tag_field="type", tag=str.lower, frozen=True, omit_defaults=True):
    """An entry of the second log."""


class Found(Deed, frozen=True):
    """The room's beginning; only its creator's first entry may be one.

    `epoch` is the id of the room's first key. `capacity` is how many sessions it takes; `words` how many its code has;
    `password` says that it has one; `history` is how far back a joiner sees: all, epoch or none.
    """

    keys: Keys
    epoch: bytes
    capacity: int
    words: int
    password: bool
    history: str


class Admit(Deed, frozen=True):
    """The writer has let this session in: it knew the code."""

    keys: Keys


class Miss(Deed, frozen=True):
    """A stranger tried a wrong code on the writer, in this generation of the code."""

    generation: int


class Rotate(Deed, frozen=True):
    """The code of the room is that of this generation from now on."""

    generation: int


class Own(Deed, frozen=True):
    """Makes this person an owner too. Only owners say so."""

    identity: bytes


class Gone(msgspec.Struct, array_like=True, frozen=True):
    """A removed session, and how far its logs still count."""

    session: bytes
    talk: int
    deeds: int


class Rekey(Deed, frozen=True):
    """A new epoch without these persons. Only owners may; of two with one parent the lower `id` counts.

    `copies` has the new key for each session that stays, by its short name, sealed with what it and the writer share.
    """

    parent: bytes
    id: bytes
    persons: list[bytes]
    gone: list[Gone]
    roster: bytes
    copies: dict[bytes, bytes]
    generation: int


class Cheat(Deed, frozen=True):
    """Two genuine envelopes that cannot both be: of each the header and the signature."""

    one: bytes
    other: bytes


AnyDeed: TypeAlias = Found | Admit | Miss | Rotate | Own | Rekey | Cheat

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[AnyDeed])


def encode_all(deeds: list[AnyDeed]) -> bytes:
    """An envelope's body."""
    return _encoder.encode(deeds)


def decode(body: bytes) -> list[AnyDeed]:
    """The entries of an envelope. Raises Refusal."""
    deeds: list[AnyDeed] = codec.decode(_decoder, body, "not deeds")
    return deeds
