"""Whether the access code is still the one that the enrolled keys were admitted with."""

from __future__ import annotations

from pathlib import Path

from nacl import pwhash
from nacl.exceptions import InvalidkeyError
from nacl.exceptions import RuntimeError as CryptoRuntimeError

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.files import write_private
from sandpiper.common.limits import ACCESS_HASH_BYTES, ACCESS_HASH_WORK

_NAME = "access.hash"
_COST = f"$argon2id$v=19$m={ACCESS_HASH_BYTES // 1024},t={ACCESS_HASH_WORK},p=1$".encode()


def same_code(folder: Path, code: str | None) -> bool:
    """Whether `code` is what it was at the last start; from now on it is. Raises SandpiperError.

    Whoever was let in without it, or by another one, must show the new one. What is kept is a salted Argon2id hash.
    """
    path = folder / _NAME
    try:
        if code is None:
            path.unlink(missing_ok=True)
            return True
        if path.exists() and _fits(path.read_bytes(), code):
            return True
        write_private(path, pwhash.argon2id.str(code.encode(), ACCESS_HASH_WORK, ACCESS_HASH_BYTES))
    except CryptoRuntimeError:
        raise SandpiperError(
            f"no memory for the access code's hash ({ACCESS_HASH_BYTES >> 20} MiB); raise the limit (ulimit -v)"
        ) from None
    except OSError as error:
        raise SandpiperError(
            f"cannot use {path}: {error}; make the folder writable, or choose another --data"
        ) from error
    return False


def _fits(kept: bytes, code: str) -> bool:
    if not kept.startswith(_COST):  # older, or put there to cost more
        return False
    try:
        return pwhash.verify(kept, code.encode())
    except (InvalidkeyError, ValueError):
        return False
