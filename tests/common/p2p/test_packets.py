from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.errors import Refusal
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.sealing import Epoch, short
from tests.common.p2p.examples import EPOCH, NONCE, OTHER, SESSION, all_pairs, all_said, card, signed
from tests.common.refusals import refusal_of

KEY = b"K" * 32
SENDER = short(SESSION)
ADDRESSEE = bytes(OTHER.verify_key)


@pytest.mark.parametrize("said", all_said(), ids=lambda said: type(said).__name__)
def test_what_is_said_to_the_room_is_opened_with_its_key(said: Any) -> None:
    packet = packets.to_room(EPOCH, NONCE, said)
    assert packets.for_room(packet) == EPOCH.id
    assert packets.is_for_room(packet)
    assert packets.open_room(EPOCH, packet) == said
    with pytest.raises(Refusal):
        packets.open_room(Epoch(b"e" * 32), packet)


@pytest.mark.parametrize("said", all_pairs(), ids=lambda said: type(said).__name__)
def test_what_is_said_to_one_is_opened_by_that_one(said: Any) -> None:
    packet = packets.to_one(KEY, SENDER, ADDRESSEE, NONCE, said)
    assert packets.for_room(packet) is None
    assert not packets.is_for_room(packet)
    assert packets.sender(packet) == SENDER
    assert packets.open_one(KEY, ADDRESSEE, packet) == said
    with pytest.raises(Refusal):
        packets.open_one(KEY, SESSION, packet)
    with pytest.raises(Refusal):  # nor can it be passed off as another sender's
        packets.open_one(KEY, ADDRESSEE, packet[:1] + short(ADDRESSEE) + packet[9:])


def test_a_card_on_a_lease_is_for_the_room() -> None:
    own = signed(packets.Carded(3, card()))
    blob = packets.seal_card(EPOCH, NONCE, own)
    assert packets.open_card(EPOCH, blob) == own
    assert packets.decode_own(own.body) == packets.Carded(3, card())
    with pytest.raises(Refusal):
        packets.open_card(Epoch(b"e" * 32), blob)


@given(st.binary(max_size=200))
def test_of_garbage_nothing_but_refusals_comes(raw: bytes) -> None:
    assert refusal_of(packets.open_room, EPOCH, raw) is not None
    assert refusal_of(packets.open_one, KEY, ADDRESSEE, raw) is not None
    assert refusal_of(packets.open_card, EPOCH, raw) is not None
    refusal = refusal_of(packets.for_room, raw)
    assert refusal is None or refusal.text.startswith("not a packet: ")
