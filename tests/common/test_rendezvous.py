"""The rendezvous' wire: whatever comes is a message or a Refusal; sizes are bounded; signatures bind what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from sandpiper.common import codec, rendezvous
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    ACCESS_CODE_CHARS,
    ANNOUNCED_CHARS,
    CARD_BYTES,
    ERROR_CHARS,
    GROUPS_FOUND,
    LEASES_PER_GROUP,
    LETTER_BYTES,
    NAMEPLATE_MOST,
    OBSERVED_CHARS,
    SENIORITY_BYTES,
    SERVICE_TEXT_CHARS,
)
from sandpiper.common.rendezvous import (
    BrokerAt,
    Changed,
    Claim,
    Closing,
    Found,
    Greet,
    Greeted,
    Leased,
    Letter,
    Lookup,
    PeerCard,
    Pong,
    Post,
    Refused,
    lease_holds,
    sign_lease,
)
from tests.common.refusals import refusal_of
from tests.common.test_vectors import VECTORS, load, meant, plain

numbers = st.integers(0, 2**63 - 1)
mailboxes = st.binary(min_size=16, max_size=16)
keys = st.binary(min_size=32, max_size=32)
signatures = st.binary(min_size=64, max_size=64)
nameplates = st.integers(0, NAMEPLATE_MOST)
blobs = st.binary(max_size=64)
texts = st.text(max_size=20)
cards = st.builds(PeerCard, mailboxes, blobs, texts)

requests = st.one_of(
    st.builds(Greet, r=numbers, v=st.integers(0, 9), ticket=texts),
    st.builds(
        Claim,
        r=numbers,
        nameplate=nameplates,
        group=keys,
        blob=blobs,
        signature=signatures,
        fresh=st.booleans(),
        have=numbers,
        seniority=blobs,
    ),
    st.builds(Lookup, r=numbers, nameplate=nameplates),
    st.builds(Post, r=numbers, mailbox=mailboxes, body=blobs),
    st.builds(rendezvous.Release, r=numbers, nameplate=nameplates, group=keys),
    st.builds(rendezvous.Ping, r=numbers),
    st.builds(rendezvous.Bye, r=numbers),
)
answers = st.one_of(
    st.builds(rendezvous.Done, r=numbers),
    st.builds(Refused, r=numbers, code=texts, text=texts, retry_ms=numbers),
    st.builds(
        Greeted,
        r=numbers,
        mailbox=mailboxes,
        observed=texts,
        brokers=st.lists(st.builds(BrokerAt, texts, st.none() | texts), max_size=3),
        settling_ms=numbers,
    ),
    st.builds(
        Leased,
        r=numbers,
        nameplate=nameplates,
        expires_at=numbers,
        version=numbers,
        peers=st.none() | st.lists(cards, max_size=3),
        seniority=blobs,
    ),
    st.builds(Found, r=numbers, groups=st.lists(st.lists(mailboxes, max_size=4), max_size=3)),
    st.builds(Pong, r=numbers),
    st.builds(Letter, sender=mailboxes, body=blobs),
    st.builds(
        Changed,
        nameplate=nameplates,
        group=keys,
        version=numbers,
        cards=st.lists(cards, max_size=3),
        gone=st.lists(mailboxes, max_size=3),
    ),
    st.builds(Closing, text=texts),
)


@given(requests)
def test_requests_go_round(request: rendezvous.AnyRequest) -> None:
    raw = rendezvous.encode(request)
    assert rendezvous.decode_request(raw) == request
    assert codec.request_number(raw) == request.r


@given(answers)
def test_answers_go_round(answer: rendezvous.AnyAnswer) -> None:
    assert rendezvous.decode_answer(rendezvous.encode(answer)) == answer


@given(st.one_of(requests, answers))
def test_msgpack_reads_the_same(message: Any) -> None:
    raw = rendezvous.encode(message)
    assert msgpack.unpackb(raw) == msgspec.to_builtins(message, builtin_types=(bytes,))


KINDS = [*get_args(rendezvous.AnyRequest), *get_args(rendezvous.AnyAnswer)]
tags = st.sampled_from([kind.__struct_config__.tag for kind in KINDS])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["r", "v", "nameplate", "group", "blob", "signature", "mailbox", "body", "peers", "groups"])
wild = st.one_of(
    st.binary(max_size=100),
    values.map(msgpack.packb),
    st.builds(lambda tag, more: msgpack.packb({**more, "type": tag}), tags, st.dictionaries(names, values)),
    st.builds(lambda message, at: rendezvous.encode(message)[:at], requests, st.integers(0, 50)),
)


@given(wild)
def test_nothing_but_refusals_comes_of_garbage(raw: bytes) -> None:
    for decode in (rendezvous.decode_request, rendezvous.decode_answer):
        refusal = refusal_of(decode, raw)
        if refusal:
            assert refusal.code is Code.INVALID
            assert len(refusal.text) <= ERROR_CHARS + 20


@pytest.mark.parametrize(
    "message",
    [
        Post(r=1, mailbox=b"m" * 16, body=bytes(LETTER_BYTES + 1)),
        Post(r=1, mailbox=b"m" * 15, body=b""),
        Lookup(r=1, nameplate=-1),
        Lookup(r=1, nameplate=NAMEPLATE_MOST + 1),
        Claim(r=1, nameplate=42, group=b"k" * 32, blob=bytes(CARD_BYTES + 1), signature=bytes(64)),
        Claim(r=1, nameplate=42, group=b"k" * 31, blob=b"", signature=bytes(64)),
        Claim(r=1, nameplate=42, group=b"k" * 32, blob=b"", signature=bytes(63)),
        Claim(r=1, nameplate=42, group=b"k" * 32, blob=b"", signature=bytes(64), have=-1),
    ],
)
def test_what_is_out_of_bounds_is_no_request(message: rendezvous.Request) -> None:
    with pytest.raises(Refusal, match="not a request"):
        rendezvous.decode_request(rendezvous.encode(message))


@pytest.mark.parametrize(
    "message",
    [
        Found(r=1, groups=[[b"m" * 16] * 5]),
        Found(r=1, groups=[[]] * (GROUPS_FOUND + 1)),
        Leased(r=1, nameplate=42, expires_at=0, version=1, seniority=bytes(SENIORITY_BYTES + 1)),
        Leased(
            r=1, nameplate=42, expires_at=0, version=1, peers=[PeerCard(b"m" * 16, b"", "")] * (LEASES_PER_GROUP + 1)
        ),
        Greeted(r=1, mailbox=b"m" * 16, observed="", brokers=[BrokerAt("a")] * 9),
        Greeted(r=1, mailbox=b"m" * 16, observed="x" * (OBSERVED_CHARS + 1)),
        Greeted(r=1, mailbox=b"m" * 16, observed="", brokers=[BrokerAt("a" * (ANNOUNCED_CHARS + 1))]),
        Greeted(r=1, mailbox=b"m" * 16, observed="", brokers=[BrokerAt("a", "x" * (ACCESS_CODE_CHARS + 1))]),
        Refused(r=1, code="rate", text="", retry_ms=-1),
        Refused(r=1, code="rate", text="x" * (SERVICE_TEXT_CHARS + 1)),
    ],
)
def test_a_service_cannot_say_too_much(message: rendezvous.Reply) -> None:
    with pytest.raises(Refusal, match="not an answer"):
        rendezvous.decode_answer(rendezvous.encode(message))


def test_a_full_group_of_the_largest_cards_fits_a_frame() -> None:
    peers = [PeerCard(b"m" * 16, bytes(CARD_BYTES), "2001:db8:1111:2222:3333:4444:5555:6666")] * LEASES_PER_GROUP
    raw = rendezvous.encode(Leased(r=1, nameplate=42, expires_at=0, version=1, peers=peers))
    assert len(raw) < 600 * 1024
    assert isinstance(rendezvous.decode_answer(raw), Leased)


# Signatures ---------------------------------------------------------------------------------------------------

KEY = SigningKey(b"r" * 32)
SERVICE, OWN = b"D" * 32, b"C" * 32


def claim(**other: Any) -> Claim:
    given = {
        "nameplate": 42,
        "group": bytes(KEY.verify_key),
        "blob": b"card",
        "signature": sign_lease(KEY, SERVICE, OWN, 42, b"card"),
    }
    return Claim(r=1, **{**given, **other})


def test_a_signature_binds_service_connection_nameplate_and_card() -> None:
    assert lease_holds(claim(), SERVICE, OWN)
    assert not lease_holds(claim(), b"E" * 32, OWN)
    assert not lease_holds(claim(), SERVICE, b"E" * 32)
    assert not lease_holds(claim(nameplate=43), SERVICE, OWN)
    assert not lease_holds(claim(blob=b"other"), SERVICE, OWN)
    assert not lease_holds(claim(group=bytes(SigningKey(b"o" * 32).verify_key)), SERVICE, OWN)


@given(st.binary(max_size=40), st.binary(max_size=70))
def test_bytes_that_are_no_key_hold_nothing(group: bytes, signature: bytes) -> None:
    assert not lease_holds(claim(group=group, signature=signature), SERVICE, OWN)


# Vectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", load("rendezvous.json"))
def test_vectors(vector: dict[str, Any]) -> None:
    raw, body = bytes.fromhex(vector["frame"]), meant(vector["body"])
    assert msgpack.unpackb(raw) == body
    assert msgpack.packb(body) == raw
    decode = rendezvous.decode_request if vector["way"] == "request" else rendezvous.decode_answer
    message: Any = decode(raw)
    assert plain(message) == body
    assert rendezvous.encode(message) == raw
    if isinstance(message, Claim):
        assert lease_holds(message, SERVICE, OWN)


def test_every_message_has_a_vector() -> None:
    vectors = json.loads(Path(VECTORS / "rendezvous.json").read_text(encoding="utf-8"))
    for way, family in (("request", rendezvous.AnyRequest), ("answer", rendezvous.AnyAnswer)):
        shown = {vector["body"]["type"] for vector in vectors if vector["way"] == way}
        assert shown == {kind.__struct_config__.tag for kind in get_args(family)}
