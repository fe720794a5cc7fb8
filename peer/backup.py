"""An identity, encrypted with a passphrase, as text to keep elsewhere or to carry to another machine.

    sandpiper identity v1 m7lu7yh7czutt4cmvihennoa
    <base64, in lines of 64>

The first line names the identity, which is no secret. Of the base64 the bytes are: Argon2id's work (4, big-endian) and
memory (8, in bytes), its salt (16), and a NaCl secretbox (24 of nonce first) with the 32 bytes of the key's seed.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.signing import SigningKey

from sandpiper.common.errors import AccessDenied, SandpiperError
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import BACKUP_CHARS, BACKUP_MEMORY_BYTES_MOST, BACKUP_WORK_MOST

SALT_BYTES: Final = argon2id.SALTBYTES
NONCE_BYTES: Final = SecretBox.NONCE_SIZE
_FIRST: Final = "sandpiper identity v1 "
_SEED_BYTES: Final = 32
_BOX_BYTES: Final = NONCE_BYTES + _SEED_BYTES + SecretBox.MACBYTES


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of each guess at the passphrase: libsodium's "moderate", 0.7 s and 256 MB."""

    work: int = argon2id.OPSLIMIT_MODERATE
    memory_bytes: int = argon2id.MEMLIMIT_MODERATE


def lock(identity: SigningKey, passphrase: str, salt: bytes, nonce: bytes, cost: Cost = Cost()) -> str:  # frozen
    """Encrypts an identity under a passphrase, and returns the text. `salt` and `nonce` are random."""
    box = SecretBox(_key(passphrase, salt, cost)).encrypt(bytes(identity), nonce)
    data = cost.work.to_bytes(4, "big") + cost.memory_bytes.to_bytes(8, "big") + salt + bytes(box)
    name = fingerprint(bytes(identity.verify_key))
    return "\n".join([f"{_FIRST}{name}", *wrap(base64.b64encode(data).decode(), 64), ""])


def named(text: str) -> str:
    """Reads which fingerprint a locked identity claims. Raises SandpiperError if the text is none."""
    first = text.strip().partition("\n")[0].strip()
    if len(text) > BACKUP_CHARS or not first.startswith(_FIRST):
        raise SandpiperError("that is no exported identity; `sandpiper id export` makes one")
    return first.removeprefix(_FIRST)


def unlock(text: str, passphrase: str) -> SigningKey:
    """Decrypts an identity. Raises AccessDenied for a wrong passphrase, SandpiperError for a damaged text."""
    name = named(text)
    try:
        data = base64.b64decode(
            "".join(text.strip().split("\n")[1:]).encode("ascii").translate(None, b" \r\t"), validate=True
        )
    except (binascii.Error, UnicodeEncodeError):
        raise _damaged() from None
    if len(data) != 4 + 8 + SALT_BYTES + _BOX_BYTES:
        raise _damaged()
    cost = Cost(int.from_bytes(data[:4], "big"), int.from_bytes(data[4:12], "big"))
    if not (
        argon2id.OPSLIMIT_MIN <= cost.work <= BACKUP_WORK_MOST
        and argon2id.MEMLIMIT_MIN <= cost.memory_bytes <= BACKUP_MEMORY_BYTES_MOST
    ):
        raise _damaged()
    try:
        seed = SecretBox(_key(passphrase, data[12 : 12 + SALT_BYTES], cost)).decrypt(data[12 + SALT_BYTES :])
    except CryptoError:
        raise AccessDenied("the passphrase is wrong, or the exported identity is damaged", asks_for="") from None
    identity = SigningKey(seed)
    if fingerprint(bytes(identity.verify_key)) != name:
        raise SandpiperError("the exported identity says another name than its key has: somebody has changed it")
    return identity


def _key(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    # However it was typed: an accented letter may be one character or two.
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    key: bytes = argon2id.kdf(SecretBox.KEY_SIZE, secret, salt, opslimit=cost.work, memlimit=cost.memory_bytes)
    return key


def _damaged() -> SandpiperError:
    return SandpiperError("the exported identity is damaged; export it again")
