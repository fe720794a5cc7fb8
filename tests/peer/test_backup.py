from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.pwhash import argon2id
from nacl.signing import SigningKey

from sandpiper.common.errors import AccessDenied, SandpiperError
from sandpiper.peer.backup import NONCE_BYTES, SALT_BYTES, Cost, lock, named, unlock

CHEAP = Cost(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)
ANNA = SigningKey(b"a" * 32)
TEXT = lock(ANNA, "correct horse", b"s" * SALT_BYTES, b"n" * NONCE_BYTES, CHEAP)


def test_what_is_locked_is_unlocked() -> None:
    assert unlock(TEXT, "correct horse") == ANNA
    assert unlock(TEXT.replace("\n", "\r\n"), "correct horse") == ANNA
    assert bytes(ANNA).hex() not in TEXT


def test_however_an_accent_is_typed() -> None:
    text = lock(ANNA, "caf\u00e9 au lait", b"s" * SALT_BYTES, b"n" * NONCE_BYTES, CHEAP)
    assert unlock(text, "cafe\u0301 au lait") == ANNA


def test_what_it_costs_by_default_is_moderate() -> None:
    assert (Cost().work, Cost().memory_bytes) == (3, 256 * 1024 * 1024)


def test_a_wrong_passphrase_is_access_denied() -> None:
    with pytest.raises(AccessDenied, match="passphrase is wrong"):
        unlock(TEXT, "correct house")


def with_data(change: bytes, at: int) -> str:
    first, *lines = TEXT.strip().split("\n")
    data = bytearray(base64.b64decode("".join(lines)))
    data[at : at + len(change)] = change
    return f"{first}\n{base64.b64encode(data).decode()}\n"


def test_nobody_makes_us_work_for_hours() -> None:
    for costly in (with_data(b"\x7f", 0), with_data(b"\x7f", 4), with_data(bytes(12), 0)):
        with pytest.raises(SandpiperError, match="damaged"):
            unlock(costly, "correct horse")


def test_another_name_is_noticed() -> None:
    other = TEXT.replace(named(TEXT), "a" * 24)
    with pytest.raises(SandpiperError, match="another name"):
        unlock(other, "correct horse")


@given(st.text(max_size=300))
def test_anything_else_is_refused(text: str) -> None:
    for each in (text, f"sandpiper identity v1 x\n{text}", TEXT[:60] + text):
        with pytest.raises(SandpiperError):
            unlock(each, "correct horse")
