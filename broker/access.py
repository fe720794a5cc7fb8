"""Whether the access code is still the one that the enrolled keys were admitted with."""

from __future__ import annotations

from pathlib import Path

from nacl import pwhash
from nacl.exceptions import InvalidkeyError

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.files import write_private

_NAME = "access.hash"


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
        write_private(
            path, pwhash.argon2id.str(code.encode(), pwhash.argon2id.OPSLIMIT_MIN, pwhash.argon2id.MEMLIMIT_MIN)
        )
    except OSError as error:
        raise SandpiperError(
            f"cannot use {path}: {error}; make the folder writable, or choose another --data"
        ) from error
    return False


def _fits(kept: bytes, code: str) -> bool:
    try:
        return pwhash.verify(kept, code.encode())
    except (InvalidkeyError, ValueError):
        return False
