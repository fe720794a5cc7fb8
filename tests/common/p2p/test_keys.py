from __future__ import annotations

import msgspec
import pytest

from tests.common.p2p.examples import OTHER, ROOM, keys


def test_keys_hold_in_their_own_room() -> None:
    assert keys().holds(ROOM)
    assert not keys().holds(b"q" * 32)


@pytest.mark.parametrize("part", ["identity", "session", "box", "curve", "vouch", "bond"])
def test_nobody_can_put_another_key_into_them(part: str) -> None:
    other = bytes(OTHER.verify_key)
    value = other if part in ("identity", "session", "box", "curve") else bytes(64)
    assert not msgspec.structs.replace(keys(), **{part: value}).holds(ROOM)
    assert not msgspec.structs.replace(keys(), **{part: b"short"}).holds(ROOM)
