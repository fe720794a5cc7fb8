from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.p2p import membership
from tests.common.p2p.examples import OTHER, ROOM, all_deeds, keys
from tests.common.refusals import refusal_of


def test_deeds_read_back() -> None:
    assert membership.decode(membership.encode_all(all_deeds())) == all_deeds()


@given(st.binary(max_size=200))
def test_of_garbage_nothing_but_refusals_comes(raw: bytes) -> None:
    refusal = refusal_of(membership.decode, raw)
    assert refusal is None or refusal.text.startswith("not deeds: ")


def test_keys_hold_in_their_own_room() -> None:
    assert keys().holds(ROOM)
    assert not keys().holds(b"q" * 16)


@pytest.mark.parametrize("part", ["identity", "session", "box", "curve", "vouch", "bond"])
def test_nobody_can_put_another_key_into_them(part: str) -> None:
    other = bytes(OTHER.verify_key)
    value = other if part in ("identity", "session", "box", "curve") else bytes(64)
    assert not msgspec.structs.replace(keys(), **{part: value}).holds(ROOM)
    assert not msgspec.structs.replace(keys(), **{part: b"short"}).holds(ROOM)
