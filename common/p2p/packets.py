"""Packets: what members say to each other, sealed, by whatever way (docs/protocol.md, "Packets").

    packet = %x01 epoch-id nonce box                  ; to the room: box of a Shout or a Signed
           / %x02 sender nonce box                    ; to one session: box of a PairSaid
    epoch-id = 8OCTET
    sender   = 8OCTET                                 ; short name of a session
    nonce    = 24OCTET

The key of the first is the epoch's, of the second the one that the two sessions share; the octets before the nonce
are bound to the box, and so is the addressee's session key in the second. What the room hears is either envelopes,
which carry their own signatures, or signed by the session that says it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from sandpiper.common import codec
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import MISSES_TOLD
from sandpiper.common.p2p.misses import MissCount
from sandpiper.common.p2p.sealing import NONCE_BYTES, SHORT_BYTES, Epoch, seal, unseal

_TO_ROOM: Final = b"\x01"
_TO_ONE: Final = b"\x02"
_HEAD: Final = 1 + SHORT_BYTES


class Said(msgspec.Struct, tag_field="type", tag=str.lower, array_like=False, omit_defaults=True):
    """A message to everyone."""


class Shout(Said):
    """Envelopes and deeds, as they were signed."""

    envelopes: list[bytes] = []
    deeds: list[bytes] = []


class Signed(Said):
    """Something that a session says of itself: `body` is an encoded Own, `signature` its session key's."""

    session: bytes
    body: bytes
    signature: bytes


class Frontier(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where one log stands: `seq` and the hash of the envelope that ends there."""

    session: bytes
    stream: int
    seq: int
    hash: bytes


class Echo(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The last that was heard of `peer`, for its round trip: its own time `at`, and how long ago that was.

    `direct`: it was heard over the mesh, not by a relay, within the last seconds.
    """

    peer: bytes
    at: float
    held: float
    direct: bool


class Card(msgspec.Struct, frozen=True, omit_defaults=True, rename={"from_": "from"}):
    """How a session can be reached and what it is called; newer `version`s replace older ones.

    `doors` are the mesh's: hosts that may lead to them, port of the publishing and of the subscribing one. `service` is
    the port of a discovery service on the same hosts. `relays` are broker address → relay address.
    """

    session: bytes
    version: int
    nick: str
    hosts: list[str] = []
    pub: int = 0
    sub: int = 0
    service: int = 0
    relays: dict[str, bytes] = {}
    quiet: bool = False
    caps: list[str] = []


class Own(msgspec.Struct, tag_field="type", tag=str.lower, omit_defaults=True):
    """A message of a session about itself. `n` grows, so that nothing old can be said again."""

    n: int


class Beacon(Own):
    """A sign of life, and what the sender knows.

    `tips` is a digest of the tips of its deeds, `generation` that of the code and `misses` the digest of the wrong
    guesses against it. The logs are said one by one in `frontiers`, all the others in the sum `rest`.
    """

    at: float
    epoch: bytes
    tips: bytes
    generation: int
    misses: bytes
    frontiers: list[Frontier]
    echoes: list[Echo]
    card: int
    rest: bytes = b""


class Carded(Own):
    """The session's card has changed, or somebody is new."""

    card: Card


class Bye(Own):
    """The session ends. It has said all up to `talk`."""

    talk: int


class PairSaid(msgspec.Struct, tag_field="type", tag=str.lower, omit_defaults=True):
    """A message of one session to another."""


class Pull(PairSaid):
    """Asks for the envelopes of a log that hold entries above `after`, as many as fit a page."""

    r: int
    session: bytes
    stream: int
    after: int


class Page(PairSaid):
    """Answers Pull. The log begins at `start` for whoever asked, and stands at `head`."""

    r: int
    session: bytes
    stream: int
    start: int
    head: int
    envelopes: list[bytes]


class Probe(PairSaid):
    """Asks for the last beacons of these members (short names), whom we do not hear ourselves."""

    r: int
    peers: list[bytes]


class Signs(PairSaid):
    """Answers Probe: signs of life, as their members signed them."""

    r: int
    signs: list[Signed]


class Have(PairSaid):
    """Up to where logs have arrived: the addressee's own, or all of them, where its `rest` is another."""

    frontiers: list[Frontier]


class Cards(PairSaid):
    """Other members' cards, as they signed them."""

    cards: list[Signed]


class Hush(PairSaid):
    """A whisper."""

    id: str
    nick: str
    to: str
    text: str
    ts: int


class Heard(PairSaid):
    """The whisper `id` has arrived."""

    id: str


class Compare(PairSaid):
    """Begins to compare words: commits its sender to a nonce, under the key of `epoch`."""

    id: bytes
    epoch: bytes
    commitment: bytes


class Nonce(PairSaid):
    """Answers Compare."""

    id: bytes
    nonce: bytes


class Reveal(PairSaid):
    """Shows the nonce that Compare has committed to, and by that the words."""

    id: bytes
    nonce: bytes


class Compared(PairSaid):
    """Answers Reveal: the words are shown here too."""

    id: bytes


class Tips(PairSaid):
    """Says the digest of a beacon to a session that may not be able to read beacons: its own are of another key."""

    digest: bytes


class Fetch(PairSaid):
    """Asks for the deeds that count for the addressee, and their past, without what `known` ones and their past are.

    Of these only what owners' deeds are and were built on, if it says `owners`; and what comes after the deed `after`
    in the addressee's own order. `r` grows, so that nothing old can be asked again.
    """

    r: int
    known: list[bytes]
    after: bytes = b""
    owners: bool = False


class Deeds(PairSaid):
    """Answers Fetch. There is more to ask for, after the deed `next`, unless that is empty."""

    r: int
    deeds: list[bytes]
    next: bytes = b""


class Misses(PairSaid):
    """Gives counts of wrong guesses at the code, because the addressee's beacon shows others."""

    counts: Annotated[list[MissCount], Meta(max_length=MISSES_TOLD)]


class Want(PairSaid):
    """Asks for the secret of a deed that made a new key: it was not sealed for this session, or is lost."""

    deed: bytes


class Key(PairSaid):
    """Answers Want."""

    deed: bytes
    secret: bytes


AnySaid: TypeAlias = Shout | Signed
AnyOwn: TypeAlias = Beacon | Carded | Bye
AnyPair: TypeAlias = (
    Pull
    | Page
    | Probe
    | Signs
    | Have
    | Cards
    | Hush
    | Heard
    | Tips
    | Fetch
    | Deeds
    | Misses
    | Want
    | Key
    | Compare
    | Nonce
    | Reveal
    | Compared
)

_OWN_DOMAIN: Final = b"sandpiper own v1\0"
_encoder: Final = msgspec.msgpack.Encoder()
_said: Final = msgspec.msgpack.Decoder(AnySaid)
_own: Final = msgspec.msgpack.Decoder(AnyOwn)
_pair: Final = msgspec.msgpack.Decoder(AnyPair)
_card: Final = msgspec.msgpack.Decoder(Card)
_signed: Final = msgspec.msgpack.Decoder(Signed)


def encode(message: msgspec.Struct) -> bytes:
    """Plain bytes of anything here."""
    return _encoder.encode(message)


def _decode(decoder: msgspec.msgpack.Decoder[Any], plain: bytes) -> Any:
    try:
        return decoder.decode(plain)
    except codec.UNDECODABLE as error:
        raise codec.refusal(error, "not a packet") from None


def to_room(epoch: Epoch, nonce: bytes, said: AnySaid) -> bytes:
    """A packet for everyone."""
    head = _TO_ROOM + epoch.id
    return head + seal(epoch.packets, nonce, _encoder.encode(said), head)


def to_one(key: bytes, sender: bytes, addressee: bytes, nonce: bytes, said: AnyPair) -> bytes:
    """A packet for one session (its key `addressee`), from the session with the short name `sender`."""
    head = _TO_ONE + sender
    return head + seal(key, nonce, _encoder.encode(said), head + addressee)


def for_room(packet: bytes) -> bytes | None:
    """The epoch's id, if it is a packet for the room. Raises Refusal for what is no packet."""
    if len(packet) <= _HEAD + NONCE_BYTES:
        raise Refusal(Code.INVALID, "not a packet: too short")
    if packet[:1] == _TO_ROOM:
        return packet[1:_HEAD]
    if packet[:1] == _TO_ONE:
        return None
    raise Refusal(Code.INVALID, "not a packet: its kind")


def is_for_room(body: bytes) -> bool:
    """Whether a letter, which else is a map, is a packet for the room."""
    return body[:1] == _TO_ROOM


def sender(packet: bytes) -> bytes:
    """Returns the sender that a packet for one session names."""
    return packet[1:_HEAD]


def open_room(epoch: Epoch, packet: bytes) -> AnySaid:
    """Opens a packet for everyone. Raises Refusal."""
    said: AnySaid = _decode(_said, unseal(epoch.packets, packet[_HEAD:], packet[:_HEAD]))
    return said


def open_one(key: bytes, addressee: bytes, packet: bytes) -> AnyPair:
    """Opens a packet for one session. Raises Refusal."""
    said: AnyPair = _decode(_pair, unseal(key, packet[_HEAD:], packet[:_HEAD] + addressee))
    return said


def own_text(room: bytes, body: bytes) -> bytes:
    """Returns the text that a session signs when it says something of itself in a room."""
    return _OWN_DOMAIN + room + body


def decode_own(body: bytes) -> AnyOwn:
    """Decodes what a Signed says. Raises Refusal."""
    own: AnyOwn = _decode(_own, body)
    return own


def seal_card(epoch: Epoch, nonce: bytes, signed: Signed) -> bytes:
    """A card for a lease: sealed with the room's key."""
    return seal(epoch.cards, nonce, _encoder.encode(signed), epoch.id)


def open_card(epoch: Epoch, blob: bytes) -> Signed:
    """The card on a lease, to be verified like any Signed. Raises Refusal."""
    signed: Signed = _decode(_signed, unseal(epoch.cards, blob, epoch.id))
    return signed
