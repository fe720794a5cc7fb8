"""Knocking: what a joiner and a sponsor say through a discovery mailbox (docs/protocol.md, "Admission").

    joiner                                         sponsor
      Knock {key}                          →
                                           ←       Answer {key, generation, room}, or Busy, or Elsewhere {mailboxes}
      Half {message}                       →
                                           ←       Half {message}
      Proof {confirm, sealed Application}  →                                     a wrong one is a guess spent
                                           ←       Handover {confirm, sealed Welcome}
                                                   or Declined {confirm, sealed Reason}, or Denied
                                           ←       Rest {sealed More}, as often as the Welcome says

Keys come first, then SPAKE2 (RFC 9382) whose identities are the hash of all that was said before; the
joiner confirms first, so a wrong guess learns nothing but that it was wrong.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from sandpiper.common import codec
from sandpiper.common.errors import Code
from sandpiper.common.limits import DOORKEEPERS
from sandpiper.common.p2p.keys import Keys
from sandpiper.common.p2p.misses import MissCount
from sandpiper.common.p2p.packets import Signed
from sandpiper.common.rendezvous import Mailbox


class Letter(msgspec.Struct, tag_field="type", tag=str.lower, omit_defaults=True):
    """A letter. `attempt` names the attempt, chosen by the joiner: 16 random bytes."""

    attempt: bytes


class Knock(Letter):
    """Asks whether an attempt may begin. `key` is made for this attempt alone."""

    v: int
    key: bytes


class Answer(Letter):
    """Lets the attempt begin.

    The code is in its `generation`-th form; `room` is the room's id, for the joiner's identity to vouch in.

    `password` says that there is one: who has none need not try.
    """

    v: int
    key: bytes
    generation: int
    room: bytes
    password: bool = False


class Busy(Letter):
    """Puts the joiner off: another attempt is under way here, or there were too many. `full` says that the room is."""

    retry_ms: int
    full: str = ""


class Elsewhere(Letter):
    """Sends the joiner on: whoever it has asked lets nobody in, and these mailboxes of the same service do."""

    mailboxes: Annotated[list[Mailbox], Meta(max_length=DOORKEEPERS)]


class Half(Letter):
    """The SPAKE2 message of one side."""

    message: bytes


class Proof(Letter):
    """The joiner's confirmation, and its application sealed with what both now share."""

    confirm: bytes
    sealed: bytes


class Denied(Letter):
    """The confirmation was wrong, or nothing is begun. `text` is for the person. Nothing proves who says so."""

    text: str
    code: str = Code.ACCESS.value


class Declined(Letter):
    """The sponsor's confirmation, and why it does not let in a joiner that knows the code."""

    confirm: bytes
    sealed: bytes


class Handover(Letter):
    """The sponsor's confirmation, and the room."""

    confirm: bytes
    sealed: bytes


class Rest(Letter):
    """The part of a handover that did not fit the first letter."""

    sealed: bytes


class Reason(msgspec.Struct):
    """The reason of a refusal: one of the codes of errors, and a text for the person."""

    code: str
    text: str


class Application(msgspec.Struct):
    """The joiner's application: its keys, vouched for in this room, and its first card, which proves that it holds
    them.
    """

    keys: Keys
    card: Signed


class Head(msgspec.Struct, array_like=True):
    """Where a log stands at the sponsor."""

    session: bytes
    stream: int
    start: int
    head: int


class Secret(msgspec.Struct, array_like=True):
    """A secret of which the room's key is mixed, and the deed that made it."""

    deed: bytes
    secret: bytes


class Welcome(msgspec.Struct):
    """The room: its id, which is the hash of its founding, and the secrets of its key.

    `deeds` are in an order in which each follows what it builds on: the founding first, the joiner's own admission
    last. `cards` are as they were signed; `heads` say where the talk stands that the joiner may read; `present` who is
    there now; `clock` how late it is in the room (Lamport time). So many letters follow with `more` deeds and heads,
    and with the counts of wrong guesses.
    """

    room: bytes
    secrets: list[Secret]
    deeds: list[bytes]
    cards: list[Signed]
    heads: list[Head]
    present: list[bytes]
    sponsor: bytes
    nameplate: int
    clock: int
    more: int = 0
    misses: list[MissCount] = []


class More(msgspec.Struct):
    """What did not fit the first letter: the `index`-th such letter, from 0."""

    index: int
    deeds: list[bytes] = []
    heads: list[Head] = []
    misses: list[MissCount] = []


AnyLetter: TypeAlias = Knock | Answer | Busy | Elsewhere | Half | Proof | Denied | Declined | Handover | Rest

TurnedAway: TypeAlias = Busy | Elsewhere | Denied
"""What is said to a knock by whoever does not answer it, and proven by nothing."""

_encoder: Final = msgspec.msgpack.Encoder()
_letters: Final = msgspec.msgpack.Decoder(AnyLetter)


def encode(message: msgspec.Struct) -> bytes:
    """Plain bytes of anything here."""
    return _encoder.encode(message)


def decode_letter(body: bytes) -> AnyLetter:
    """Decodes one letter. Raises Refusal."""
    return codec.decode(_letters, body, "not a letter")  # type: ignore[no-any-return]


def decode(kind: type[Any], body: bytes) -> Any:
    """Decodes what a letter sealed. Raises Refusal."""
    return codec.decode(msgspec.msgpack.Decoder(kind), body, "not a letter")
