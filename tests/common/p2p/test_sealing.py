from __future__ import annotations

import pytest

from sandpiper.common.errors import Refusal
from sandpiper.common.p2p.sealing import Epoch, derive, digest, pair_key, seal, short, topic, unseal, verified
from tests.common.p2p.examples import (
    BOX,
    BOX_SECRET,
    EPOCH,
    NONCE,
    OTHER,
    OTHER_BOX,
    OTHER_SECRET,
    ROOM,
    SESSION,
    SIGNING,
)

KEY = b"K" * 32


def test_what_is_sealed_opens_with_its_key_and_header_alone() -> None:
    sealed = seal(KEY, NONCE, b"psst", b"header")
    assert unseal(KEY, sealed, b"header") == b"psst"
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for key, box, header in ((b"k" * 32, sealed, b"header"), (KEY, sealed, b"other"), (KEY, altered, b"header")):
        with pytest.raises(Refusal, match="sealed with another key, or altered"):
            unseal(key, box, header)


@pytest.mark.parametrize("box", [b"", b"short", NONCE, NONCE + bytes(15)])
def test_what_is_too_short_to_be_a_box_is_refused(box: bytes) -> None:
    with pytest.raises(Refusal):
        unseal(KEY, box, b"")


def test_two_sessions_derive_one_key_and_a_third_another() -> None:
    other = bytes(OTHER.verify_key)
    mine = pair_key(BOX_SECRET, OTHER_BOX, SESSION, other)
    assert mine == pair_key(OTHER_SECRET, BOX, other, SESSION)
    assert mine != pair_key(BOX_SECRET, OTHER_BOX, SESSION, SESSION)


@pytest.mark.parametrize("public", [bytes(32), b"", b"x" * 31])
def test_what_is_no_key_to_share_with_is_refused(public: bytes) -> None:
    with pytest.raises(Refusal, match="not an X25519 key"):
        pair_key(BOX_SECRET, public, SESSION, SESSION)


def test_a_signature_is_of_one_key_and_one_message() -> None:
    signature = SIGNING.sign(b"said").signature
    assert verified(SESSION, b"said", signature)
    assert not verified(SESSION, b"other", signature)
    assert not verified(bytes(OTHER.verify_key), b"said", signature)
    assert not verified(SESSION[:31], b"said", signature)
    assert not verified(SESSION, b"said", signature[:63])


def test_an_epoch_keeps_its_key_to_itself() -> None:
    assert "45" * 32 not in repr(EPOCH)
    assert len({EPOCH.key, EPOCH.packets, EPOCH.cards, EPOCH.relay_seed, bytes(EPOCH.registration)}) == 5
    with pytest.raises(Refusal, match="epoch"):
        Epoch(b"short")


def test_names_and_topics_of_different_things_differ() -> None:
    assert len(short(SESSION)) == 8
    assert len({topic(ROOM), topic(ROOM, SESSION), topic(ROOM, bytes(OTHER.verify_key))}) == 3
    assert derive(KEY, "one") != derive(KEY, "two")
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
