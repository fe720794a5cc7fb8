"""Deeds: what persons sign about who is in a room, who owns it and by which key it talks (docs/membership.md).

    deed      = signature body
    signature = 64OCTET              ; Ed25519 by writer over "sandpiper deed v1" NUL body
    body      = <msgpack array: kind, room, writer, tips, said>
    kind      = <str>                ; found, admit, own, readmit, rekey, note; any other is a note
    room      = 32OCTET              ; the id of the founding, which itself has none here
    writer    = 32OCTET              ; the identity's Ed25519 key
    tips      = *64(32OCTET)         ; ids of deeds that it was built on, ascending; none for the founding alone
    said      = <msgpack array: what the kind says>

A deed's id is the BLAKE2b-256 of "sandpiper deed id v1" NUL body. A deed of a known kind has one encoding, the
shortest, and any other is refused; what a deed of an unknown kind says may be any msgpack value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
from nacl.signing import SigningKey

from sandpiper.common import codec
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    CAPACITY_MOST,
    CODE_WORDS_LEAST,
    CODE_WORDS_MOST,
    DEED_BYTES,
    DEED_KIND_CHARS,
    DEED_NUMBER_MOST,
    DEED_PROVEN_CHARS,
    DEED_TIPS,
    DEED_UNKNOWN_BYTES,
    READMIT_PERSONS,
    REKEY_COPIES,
    REKEY_GONE,
    REKEY_NAMES,
)
from sandpiper.common.p2p.keys import Keys
from sandpiper.common.p2p.sealing import KEY_BYTES, NONCE_BYTES, SHORT_BYTES, TAG_BYTES, digest, verified

ID_BYTES: Final = 32
COPY_BYTES: Final = NONCE_BYTES + KEY_BYTES + TAG_BYTES
SIGNATURE_BYTES: Final = 64
HISTORIES_SAID: Final = frozenset({"all", "epoch", "none"})
_SEQ_MOST: Final = 1 << 62
_DOMAIN: Final = b"sandpiper deed v1\0"
_ID_DOMAIN: Final = b"sandpiper deed id v1\0"


class Found(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Founds the room. `nonce` is random, `commitment` that of its first secret.

    `capacity` is how many sessions it takes; `words` how many its code has; `password` says that it has one; `history`
    is how far back a joiner sees: all, epoch or none.
    """

    nonce: bytes
    commitment: bytes
    capacity: int
    words: int
    password: bool
    history: str


class Admit(msgspec.Struct, array_like=True, frozen=True):
    """Lets the person of `keys.identity` in, with this session. `proven` says by what, such as `code`."""

    keys: Keys
    proven: str


class Own(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Makes a person an owner. `number` is its writer's own numbering of whom it names: the lower is senior."""

    person: bytes
    number: int


class Readmit(msgspec.Struct, array_like=True, frozen=True):
    """Lets persons in again that were removed, as plain members."""

    persons: list[bytes]


class TalkHead(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A session of somebody who is put out, and the seq up to which its talk counts."""

    session: bytes
    seq: int


class Rekey(msgspec.Struct, array_like=True, frozen=True):
    """Makes a new secret, and puts the persons of `out` out. Removing nobody, it is a new key alone.

    `names` are all persons for whom the secret is. `copies` has it for sessions of theirs, by short name, each sealed
    with what the one-time X25519 key `box` and the session's share.
    """

    out: list[bytes]
    names: list[bytes]
    copies: dict[bytes, bytes]
    box: bytes
    commitment: bytes
    heads: list[TalkHead]


class Note(msgspec.Struct, array_like=True, frozen=True):
    """Says nothing but its tips. A deed of an unknown kind is taken for one."""


AnyDeedSaid: TypeAlias = Found | Admit | Own | Readmit | Rekey | Note

_KINDS: Final[dict[str, type[AnyDeedSaid]]] = {
    "found": Found,
    "admit": Admit,
    "own": Own,
    "readmit": Readmit,
    "rekey": Rekey,
    "note": Note,
}
_NAMES: Final = {each: name for name, each in _KINDS.items()}


class _Body(msgspec.Struct, array_like=True, frozen=True):
    kind: str
    room: bytes
    writer: bytes
    tips: list[bytes]
    said: msgspec.Raw


_encoder: Final = msgspec.msgpack.Encoder()
_body: Final = msgspec.msgpack.Decoder(_Body)
_said: Final[dict[str, msgspec.msgpack.Decoder[Any]]] = {
    name: msgspec.msgpack.Decoder(each) for name, each in _KINDS.items()
}


@dataclass(frozen=True, slots=True, eq=False)
class Deed:
    """A deed as it was read; `room` of a founding is its own id. `body` is kept of an unknown kind alone: of the others
    it is what is here, in its one encoding.
    """

    id: bytes
    room: bytes
    writer: bytes
    tips: tuple[bytes, ...]
    said: AnyDeedSaid
    signature: bytes
    body: bytes = b""

    @property
    def raw(self) -> bytes:
        """All of it, as it travels."""
        return self.signature + (self.body or _encode(self.said, self.room, self.writer, self.tips))

    def __repr__(self) -> str:
        return f"Deed({_NAMES[type(self.said)]} {self.id.hex()[:8]} by {self.writer.hex()[:8]})"


def sign(identity: SigningKey, room: bytes, tips: Iterable[bytes], said: AnyDeedSaid) -> Deed:
    """Writes a deed. Raises Refusal for one that nobody would take."""
    body = _encode(said, room, bytes(identity.verify_key), sorted(tips))
    return parse(identity.sign(_DOMAIN + body).signature + body)


def _encode(said: AnyDeedSaid, room: bytes, writer: bytes, tips: Sequence[bytes]) -> bytes:
    kind = _NAMES[type(said)]
    room = b"" if kind == "found" else room
    return _encoder.encode(_Body(kind, room, writer, list(tips), msgspec.Raw(_encoder.encode(said))))


def parse(raw: bytes) -> Deed:
    """Reads one; `genuine` then tells whether it was signed. Raises Refusal."""
    if not SIGNATURE_BYTES < len(raw) <= DEED_BYTES:
        raise _refused("its size")
    body = raw[SIGNATURE_BYTES:]
    head: _Body = codec.decode(_body, body, "not a deed")
    _check(_encoder.encode(head) == body, "not in its shortest form")
    founding = head.kind == "found"
    _check(len(head.kind) <= DEED_KIND_CHARS, "its kind")
    _check(len(head.room) == (0 if founding else ID_BYTES), "its room")
    _check(len(head.writer) == KEY_BYTES, "its writer")
    _check(_ascend(head.tips, 0 if founding else 1, 0 if founding else DEED_TIPS), "its tips")
    said = _read_said(head)
    name = _id(body)
    room = name if founding else head.room
    kept = b"" if head.kind in _KINDS else body
    return Deed(name, room, head.writer, tuple(head.tips), said, raw[:SIGNATURE_BYTES], kept)


def genuine(deed: Deed) -> bool:
    """Whether its writer has signed it, and the session that it lets in belongs to the person in this room."""
    if isinstance(deed.said, Admit) and not deed.said.keys.holds(deed.room):
        return False
    return verified(deed.writer, _DOMAIN + deed.raw[SIGNATURE_BYTES:], deed.signature)


def persons(said: AnyDeedSaid) -> tuple[bytes, ...]:
    """Returns whom a deed lets in, names, lets in again, or puts out."""
    match said:
        case Admit():
            return (said.keys.identity,)
        case Own():
            return (said.person,)
        case Readmit():
            return tuple(said.persons)
        case Rekey():
            return tuple(said.out)
    return ()


def commitment(secret: bytes) -> bytes:
    """Returns what a deed says of its secret: enough to know it again, nothing else."""
    return digest(b"commitment", secret)


def mix(secrets: Iterable[bytes]) -> bytes:
    """Returns the room's key of the secrets of all heads (docs/membership.md): who lacks one has none of it."""
    return digest(b"room key", *sorted(secrets))


def _read_said(head: _Body) -> AnyDeedSaid:
    if head.kind not in _KINDS:
        _check(len(bytes(head.said)) <= DEED_UNKNOWN_BYTES, "its size")
        return Note()
    said: AnyDeedSaid = codec.decode(_said[head.kind], bytes(head.said), "not a deed")
    _check(_encoder.encode(said) == bytes(head.said), "not in its shortest form")
    _check(_fits(said), f"what its {head.kind} says")
    return said


def _fits(said: AnyDeedSaid) -> bool:
    """Whether every field has the size that it must have."""
    match said:
        case Found():
            sizes = len(said.nonce) == len(said.commitment) == ID_BYTES
            numbers = 1 <= said.capacity <= CAPACITY_MOST and CODE_WORDS_LEAST <= said.words <= CODE_WORDS_MOST
            return sizes and numbers and said.history in HISTORIES_SAID
        case Admit():
            keys = said.keys
            sizes = {len(keys.identity), len(keys.session), len(keys.box), len(keys.curve)} == {KEY_BYTES}
            signed = {len(keys.vouch), len(keys.bond)} == {SIGNATURE_BYTES}
            return sizes and signed and len(said.proven) <= DEED_PROVEN_CHARS and said.proven.isascii()
        case Own():
            return len(said.person) == KEY_BYTES and 0 <= said.number <= DEED_NUMBER_MOST
        case Readmit():
            return _ascend(said.persons, 1, READMIT_PERSONS)
        case Rekey():
            return _fits_rekey(said)
    return True


def _fits_rekey(said: Rekey) -> bool:
    return (
        _ascend(said.out, 0, READMIT_PERSONS)
        and _ascend(said.names, 0, REKEY_NAMES)
        and len(said.copies) <= REKEY_COPIES
        and all(len(name) == SHORT_BYTES and len(copy) == COPY_BYTES for name, copy in said.copies.items())
        and len(said.box) == len(said.commitment) == KEY_BYTES
        and len(said.heads) <= REKEY_GONE
        and all(len(each.session) == KEY_BYTES and 0 <= each.seq < _SEQ_MOST for each in said.heads)
    )


def _ascend(names: list[bytes], least: int, most: int) -> bool:
    """Whether these are so many names of 32 octets, in order and each once."""
    if not least <= len(names) <= most or any(len(each) != ID_BYTES for each in names):
        return False
    return all(names[at] < names[at + 1] for at in range(len(names) - 1))


def _id(body: bytes) -> bytes:
    return hashlib.blake2b(_ID_DOMAIN + body, digest_size=ID_BYTES).digest()


def _refused(what: str) -> Refusal:
    return Refusal(Code.INVALID, f"not a deed: {what}")


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise _refused(what)
