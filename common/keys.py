"""Names of keys, and what keys sign."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

_ENROLMENT: Final = b"sandpiper enrolment v1\0"
_RELAY: Final = b"sandpiper relay v1\0"


def fingerprint(key: bytes) -> str:
    """A public key's name: 120 bits of BLAKE2b in lower-case base32, 24 characters."""
    return base64.b32encode(hashlib.blake2b(key, digest_size=15).digest()).decode().lower()


def publisher(session_key: bytes) -> str:
    """The name of one session in message ids: the first 13 characters (65 bits) of its key's fingerprint."""
    return fingerprint(session_key)[:13]


def sign_enrolment(identity: SigningKey, broker_key: bytes, session_key: bytes) -> bytes:
    """The identity vouches for a session's CURVE key at one broker: 64 bytes of Ed25519 (RFC 8032)."""
    return identity.sign(_ENROLMENT + broker_key + session_key).signature


def enrolment_holds(identity: bytes, signature: bytes, broker_key: bytes, session_key: bytes) -> bool:
    """Whether `signature` is that vouching. False too for bytes that are no key or no signature."""
    return _signed(identity, _ENROLMENT + broker_key + session_key, signature)


def relay_address(session_key: bytes) -> bytes:
    """The name of a session among those that it reaches through a relay: 16 bytes of BLAKE2b of its CURVE key."""
    return hashlib.blake2b(session_key, digest_size=16).digest()


def relay_tag(tag_key: bytes) -> bytes:
    """The tag that this Ed25519 key opens: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(tag_key, digest_size=16).digest()


def sign_attachment(tag: SigningKey, broker_key: bytes, session_key: bytes, nonce: bytes) -> bytes:
    """The key of a tag attaches a session at one broker, once: 64 bytes of Ed25519."""
    return tag.sign(_RELAY + broker_key + session_key + nonce).signature


def attachment_holds(tag_key: bytes, signature: bytes, broker_key: bytes, session_key: bytes, nonce: bytes) -> bool:
    """Whether `signature` is that. False too for bytes that are no key or no signature."""
    return _signed(tag_key, _RELAY + broker_key + session_key + nonce, signature)


def _signed(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(key).verify(message, signature)
    except (BadSignatureError, ValueError, TypeError):
        return False
    return True
