"""Whether the access code is still the one of before: a file that tells little, at a price that we set."""

from __future__ import annotations

from pathlib import Path

import pytest
from nacl import pwhash
from nacl.exceptions import RuntimeError as CryptoRuntimeError

from sandpiper.broker.access import same_code
from sandpiper.common.errors import SandpiperError
from sandpiper.common.limits import ACCESS_HASH_BYTES, ACCESS_HASH_WORK

CODE = "open sesame"


def test_it_is_the_same_until_it_changes(tmp_path: Path) -> None:
    assert not same_code(tmp_path, CODE)
    assert same_code(tmp_path, CODE)
    assert not same_code(tmp_path, "another")
    assert same_code(tmp_path, "another")
    assert same_code(tmp_path, None)
    assert list(tmp_path.iterdir()) == []


def test_a_guess_at_the_file_costs_more_than_the_least_that_argon2id_may_cost(tmp_path: Path) -> None:
    same_code(tmp_path, CODE)
    kept = (tmp_path / "access.hash").read_bytes()
    assert kept.startswith(f"$argon2id$v=19$m={ACCESS_HASH_BYTES // 1024},t={ACCESS_HASH_WORK},p=1$".encode())
    assert ACCESS_HASH_BYTES >= pwhash.argon2id.MEMLIMIT_INTERACTIVE > pwhash.argon2id.MEMLIMIT_MIN
    assert CODE.encode() not in kept


def test_a_file_of_another_cost_is_not_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = pwhash.argon2id.str(CODE.encode(), pwhash.argon2id.OPSLIMIT_MIN, pwhash.argon2id.MEMLIMIT_MIN)
    (tmp_path / "access.hash").write_bytes(cheap)
    monkeypatch.setattr(pwhash, "verify", lambda *_: pytest.fail("computed"))
    assert not same_code(tmp_path, CODE)
    monkeypatch.undo()
    assert same_code(tmp_path, CODE)


@pytest.mark.parametrize("kept", [b"", b"$argon2id$v=19$m=4194304,t=9,p=1$abc$def", b"\xff" * 200])
def test_what_is_no_hash_is_another_code(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "access.hash").write_bytes(kept)
    assert not same_code(tmp_path, CODE)


def test_a_lack_of_memory_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bytes:
        raise CryptoRuntimeError("unexpected")

    monkeypatch.setattr(pwhash.argon2id, "str", fails)
    with pytest.raises(SandpiperError, match="no memory for the access code's hash"):
        same_code(tmp_path, CODE)
