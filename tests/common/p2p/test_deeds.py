"""Deeds on the wire: what is signed is read again, and everything else is refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import DEED_BYTES, DEED_TIPS, READMIT_PERSONS, REKEY_COPIES, REKEY_NAMES
from sandpiper.common.p2p.deeds import (
    COPY_BYTES,
    Admit,
    AnyDeedSaid,
    Deed,
    Found,
    Note,
    Own,
    Readmit,
    Rekey,
    TalkHead,
    commitment,
    genuine,
    mix,
    parse,
    persons,
    sign,
)
from tests.peer.p2p.membership.persons import Signer, founding

F, A = Signer("F"), Signer("A")
FOUNDING = founding(F)
ROOM = FOUNDING.id
P, Q = bytes([1]) * 32, bytes([2]) * 32

SAID: list[AnyDeedSaid] = [
    Admit(A.keys(ROOM), "code"),
    Own(A.key, 3),
    Readmit([P, Q]),
    Rekey([P], [A.key], {b"12345678": bytes(COPY_BYTES)}, P, commitment(b"secret"), [TalkHead(Q, 7)]),
    Rekey([], [], {}, P, Q, []),
    Note(),
]


def forged(kind: object, room: object, writer: object, tips: object, said: object, *more: object) -> bytes:
    """Returns a deed of any form, that F has signed."""
    body = msgspec.msgpack.encode([kind, room, writer, tips, said, *more])
    return F.identity.sign(b"sandpiper deed v1\0" + body).signature + body


@pytest.mark.parametrize("said", SAID)
def test_what_is_signed_is_read_again(said: AnyDeedSaid) -> None:
    deed = sign(F.identity, ROOM, [Q, P], said)
    again = parse(deed.raw)
    assert genuine(again)
    assert (again.id, again.room, again.writer, again.tips, again.said) == (deed.id, ROOM, F.key, (P, Q), said)
    assert again.raw == deed.raw


def test_a_founding_names_the_room() -> None:
    again = parse(FOUNDING.raw)
    assert genuine(again)
    assert again.room == again.id == FOUNDING.id
    assert again.raw == FOUNDING.raw
    assert founding(A).id != FOUNDING.id


def test_the_id_is_of_what_is_signed_and_not_of_the_signature() -> None:
    deed = sign(F.identity, ROOM, [P], Note())
    other = parse(bytes(64) + deed.raw[64:])
    assert other.id == deed.id
    assert not genuine(other)


def test_about_whom_a_deed_is() -> None:
    assert [persons(said) for said in SAID] == [(A.key,), (A.key,), (P, Q), (P,), (), ()]


def test_a_deed_of_a_later_version_is_a_note() -> None:
    raw = forged("merge", ROOM, F.key, [P], {"any": ["thing", 1.5, None]})
    deed = parse(raw)
    assert deed.said == Note()
    assert genuine(deed)
    assert deed.raw == raw


def test_a_session_of_somebody_else_is_not_let_in() -> None:
    """Its person has vouched for it in this room, and it for its person, or nobody takes the deed."""
    elsewhere = A.keys(bytes(32))
    stolen = msgspec.structs.replace(A.keys(ROOM), identity=F.key)
    for keys in (elsewhere, stolen):
        assert not genuine(sign(F.identity, ROOM, [P], Admit(keys, "code")))


KEYS = msgspec.to_builtins(A.keys(ROOM), builtin_types=[bytes])
ZERO = bytes(32)

REFUSED = {
    "nothing": b"",
    "a signature alone": bytes(64),
    "no msgpack": bytes(64) + b"\xc1",
    "a map": bytes(64) + msgspec.msgpack.encode({"kind": "note"}),
    "much of what nobody knows": forged("later", ROOM, F.key, [P], bytes(1025)),
    "too large": forged("later", ROOM, F.key, [P], bytes(DEED_BYTES)),
    "something after it": forged("note", ROOM, F.key, [P], []) + b"\0",
    "one more field": forged("note", ROOM, F.key, [P], [], 1),
    "one more field in what it says": forged("own", ROOM, F.key, [P], [A.key, 1, 2]),
    "a field too few": forged("own", ROOM, F.key, [P], [A.key]),
    "a kind that is too long": forged("k" * 17, ROOM, F.key, [P], []),
    "a kind that is a number": forged(1, ROOM, F.key, [P], []),
    "no room": forged("note", b"", F.key, [P], []),
    "a short room": forged("note", bytes(16), F.key, [P], []),
    "a founding with a room": forged("found", ROOM, F.key, [], [ZERO, ZERO, 8, 2, False, "all"]),
    "a founding built on something": forged("found", b"", F.key, [P], [ZERO, ZERO, 8, 2, False, "all"]),
    "a short nonce": forged("found", b"", F.key, [], [b"", ZERO, 8, 2, False, "all"]),
    "a room for nobody": forged("found", b"", F.key, [], [ZERO, ZERO, 0, 2, False, "all"]),
    "a room for everybody": forged("found", b"", F.key, [], [ZERO, ZERO, 10_000, 2, False, "all"]),
    "a code of a hundred words": forged("found", b"", F.key, [], [ZERO, ZERO, 8, 100, False, "all"]),
    "an unknown history": forged("found", b"", F.key, [], [ZERO, ZERO, 8, 2, False, "some"]),
    "a short writer": forged("note", ROOM, b"F", [P], []),
    "no tips": forged("note", ROOM, F.key, [], []),
    "tips twice": forged("note", ROOM, F.key, [P, P], []),
    "tips in another order": forged("note", ROOM, F.key, [Q, P], []),
    "short tips": forged("note", ROOM, F.key, [b"tip"], []),
    "too many tips": forged("note", ROOM, F.key, [n.to_bytes(32, "big") for n in range(DEED_TIPS + 1)], []),
    "short keys": forged("admit", ROOM, F.key, [P], [{**KEYS, "session": b""}, "code"]),
    "a short signature of keys": forged("admit", ROOM, F.key, [P], [{**KEYS, "bond": b""}, "code"]),
    "keys in another order": forged("admit", ROOM, F.key, [P], [dict(reversed(KEYS.items())), "code"]),
    "unknown keys": forged("admit", ROOM, F.key, [P], [{**KEYS, "more": 1}, "code"]),
    "long proof": forged("admit", ROOM, F.key, [P], [KEYS, "c" * 17]),
    "a number below": forged("own", ROOM, F.key, [P], [A.key, -1]),
    "a number above": forged("own", ROOM, F.key, [P], [A.key, 1 << 32]),
    "a number that is none": forged("own", ROOM, F.key, [P], [A.key, True]),
    "a fraction": forged("own", ROOM, F.key, [P], [A.key, 1.0]),
    "a short person": forged("own", ROOM, F.key, [P], [b"A", 1]),
    "nobody let in again": forged("readmit", ROOM, F.key, [P], [[]]),
    "somebody let in twice": forged("readmit", ROOM, F.key, [P], [[P, P]]),
    "too many let in again": forged(
        "readmit", ROOM, F.key, [P], [[n.to_bytes(32, "big") for n in range(READMIT_PERSONS + 1)]]
    ),
    "somebody out twice": forged("rekey", ROOM, F.key, [P], [[P, P], [], {}, P, Q, []]),
    "names in another order": forged("rekey", ROOM, F.key, [P], [[], [Q, P], {}, P, Q, []]),
    "too many names": forged(
        "rekey", ROOM, F.key, [P], [[], [n.to_bytes(32, "big") for n in range(REKEY_NAMES + 1)], {}, P, Q, []]
    ),
    "a short copy": forged("rekey", ROOM, F.key, [P], [[], [], {b"12345678": b""}, P, Q, []]),
    "a copy for a long name": forged("rekey", ROOM, F.key, [P], [[], [], {P: bytes(COPY_BYTES)}, P, Q, []]),
    "too many copies": forged(
        "rekey", ROOM, F.key, [P],
        [[], [], {n.to_bytes(8, "big"): bytes(COPY_BYTES) for n in range(REKEY_COPIES + 1)}, P, Q, []],
    ),
    "a short box": forged("rekey", ROOM, F.key, [P], [[], [], {}, b"", Q, []]),
    "a commitment of 16 octets": forged("rekey", ROOM, F.key, [P], [[], [], {}, P, bytes(16), []]),
    "a head below": forged("rekey", ROOM, F.key, [P], [[], [], {}, P, Q, [[P, -1]]]),
    "a head above": forged("rekey", ROOM, F.key, [P], [[], [], {}, P, Q, [[P, 1 << 62]]]),
    "a note that says something": forged("note", ROOM, F.key, [P], [1]),
    "a longer number than needed": forged("own", ROOM, F.key, [P], [A.key, 1]).replace(
        b"\xc4\x20" + A.key + b"\x01", b"\xc4\x20" + A.key + b"\xcd\x00\x01"
    ),
    "a longer length than needed": bytes(64) + b"\xdc\x00\x05" + forged("note", ROOM, F.key, [P], [])[65:],
    "text that is none": forged("note", ROOM, F.key, [P], []).replace(b"note", b"not\xff"),
    "deeper than any decoder goes": bytes(64) + msgspec.msgpack.encode("x")[:0] + b"\x95\xa1k" + b"\x91" * 50_000,
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_deed_is_refused(name: str) -> None:
    with pytest.raises(Refusal):
        parse(REFUSED[name])


@given(st.sampled_from(SAID), st.integers(0, 10_000), st.integers(1, 255))
def test_an_altered_deed_is_refused_or_not_genuine(said: AnyDeedSaid, at: int, change: int) -> None:
    raw = bytearray(sign(F.identity, ROOM, [P], said).raw)
    raw[at % len(raw)] ^= change
    assert not _taken(bytes(raw))


@given(st.binary(max_size=400))
def test_any_octets_are_read_or_refused(raw: bytes) -> None:
    assert not _taken(raw)


def _taken(raw: bytes) -> bool:
    try:
        deed = parse(raw)
    except Refusal:
        return False
    assert deed.raw == raw
    return genuine(deed)


def test_who_writes_badly_is_told() -> None:
    for said in (Own(b"A", 1), Readmit([Q, P]), Rekey([], [], {}, b"", b"", [])):
        with pytest.raises(Refusal):
            sign(F.identity, ROOM, [P], said)


def test_a_rekeying_of_a_full_room_fits() -> None:
    names = [n.to_bytes(32, "big") for n in range(REKEY_NAMES)]
    copies = {n.to_bytes(8, "big"): bytes(COPY_BYTES) for n in range(256)}
    deed = sign(F.identity, ROOM, [P], Rekey([P], names, copies, P, Q, [TalkHead(Q, 7)]))
    assert len(deed.raw) < DEED_BYTES


def test_the_mix_is_of_all_secrets_in_any_order() -> None:
    assert mix([P, Q]) == mix([Q, P]) != mix([P])
    assert mix([P]) != P
    assert commitment(P) != mix([P])


def test_a_deed_has_a_short_name_for_logs() -> None:
    deed: Deed = sign(SigningKey(P), ROOM, [P], Note())
    assert repr(deed).startswith("Deed(note ")
    assert isinstance(FOUNDING.said, Found)
