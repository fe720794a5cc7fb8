from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from sandpiper.common.keys import (
    attachment_holds,
    enrolment_holds,
    fingerprint,
    publisher,
    relay_address,
    relay_tag,
    sign_attachment,
    sign_enrolment,
)

KEY = st.binary(min_size=32, max_size=32)


def test_names_stay_what_they_are() -> None:
    assert fingerprint(bytes(32)) == "e3owssh7og4uzuye5pmjc7uv"
    assert publisher(bytes(32)) == fingerprint(bytes(32))[:13]


@given(KEY, KEY)
def test_names_are_short_plain_and_each_keys_own(one: bytes, other: bytes) -> None:
    assert re.fullmatch("[a-z2-7]{24}", fingerprint(one))
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


@given(KEY, KEY, KEY, KEY)
def test_an_enrolment_holds_for_just_its_keys(seed: bytes, broker: bytes, session: bytes, other: bytes) -> None:
    identity = SigningKey(seed)
    public = bytes(identity.verify_key)
    signature = sign_enrolment(identity, broker, session)
    assert len(signature) == 64
    assert enrolment_holds(public, signature, broker, session)
    if other not in (broker, session):
        assert not enrolment_holds(public, signature, other, session)
        assert not enrolment_holds(public, signature, broker, other)
    if other != seed:
        assert not enrolment_holds(bytes(SigningKey(other).verify_key), signature, broker, session)


@given(st.binary(max_size=70), st.binary(max_size=70))
def test_bytes_that_are_no_key_or_signature_do_not_hold(identity: bytes, signature: bytes) -> None:
    assert not enrolment_holds(identity, signature, b"b" * 32, b"s" * 32)


@pytest.mark.parametrize("order", [bytes(32), b"\1" + bytes(31)])
def test_keys_of_small_order_vouch_for_nothing(order: bytes) -> None:
    assert not enrolment_holds(order, order + bytes(32), b"b" * 32, b"s" * 32)


@given(KEY, KEY, KEY, KEY, KEY)
def test_an_attachment_holds_once_for_just_its_keys(
    seed: bytes, broker: bytes, session: bytes, nonce: bytes, other: bytes
) -> None:
    tag = SigningKey(seed)
    public = bytes(tag.verify_key)
    signature = sign_attachment(tag, broker, session, nonce)
    assert attachment_holds(public, signature, broker, session, nonce)
    if other not in (broker, session, nonce):
        assert not attachment_holds(public, signature, other, session, nonce)
        assert not attachment_holds(public, signature, broker, other, nonce)
        assert not attachment_holds(public, signature, broker, session, other)
    if other != seed:
        assert not attachment_holds(bytes(SigningKey(other).verify_key), signature, broker, session, nonce)


def test_no_attachment_is_an_enrolment() -> None:
    tag, broker, session = SigningKey(b"t" * 32), b"b" * 32, b"s" * 32
    assert not enrolment_holds(bytes(tag.verify_key), sign_attachment(tag, broker, session, b""), broker, session)


@given(KEY)
def test_tags_and_addresses_are_names_of_their_own(key: bytes) -> None:
    assert len(relay_tag(key)) == len(relay_address(key)) == 16
    assert relay_address(key)[:15] != hashlib.blake2b(key, digest_size=15).digest()
