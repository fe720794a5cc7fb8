"""Keys derived from keys, and boxes sealed with them (docs/protocol.md, "Rooms between peers").

All primitives are libsodium's, by PyNaCl: XChaCha20-Poly1305 (IETF), X25519, Ed25519; derivation is keyed BLAKE2b.
Nonces are random and 24 bytes long, so one may be drawn for each box; whoever calls brings them, for nothing here
draws anything.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from sandpiper.common.errors import Code, Refusal

KEY_BYTES: Final = 32
NONCE_BYTES: Final = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
TAG_BYTES: Final = 16
SHORT_BYTES: Final = 8
_DOMAIN: Final = b"sandpiper p2p v1\0"


def derive(key: bytes, purpose: str, context: bytes = b"") -> bytes:
    """32 bytes for one purpose: BLAKE2b keyed with `key` (RFC 7693) over domain, purpose, NUL and context."""
    return hashlib.blake2b(_DOMAIN + purpose.encode() + b"\0" + context, key=key, digest_size=KEY_BYTES).digest()


def digest(*parts: bytes) -> bytes:
    """BLAKE2b-256 over the parts, each with its length before it."""
    state = hashlib.blake2b(_DOMAIN, digest_size=32)
    for part in parts:
        state.update(len(part).to_bytes(4, "big"))
        state.update(part)
    return state.digest()


def short(session: bytes) -> bytes:
    """The name of a session (its Ed25519 key) in packets: 8 bytes. A double would only cost its owner the room."""
    return hashlib.blake2b(_DOMAIN + b"short\0" + session, digest_size=SHORT_BYTES).digest()


def seal(key: bytes, nonce: bytes, plaintext: bytes, header: bytes) -> bytes:
    """`nonce` and the box. `header` is bound, not hidden."""
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, header, nonce, key)


def unseal(key: bytes, sealed: bytes, header: bytes) -> bytes:
    """Opens what `seal` sealed. Raises Refusal for what this key has not sealed under this header."""
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[NONCE_BYTES:], header, sealed[:NONCE_BYTES], key
        )
    except (CryptoError, ValueError, TypeError):
        raise Refusal(Code.INVALID, "sealed with another key, or altered") from None


def box_pair(seed: bytes) -> tuple[bytes, bytes]:
    """An X25519 pair of a 32-byte seed: public, secret."""
    public, secret = bindings.crypto_box_seed_keypair(seed)
    return public, secret


def pair_key(secret: bytes, public: bytes, one: bytes, other: bytes) -> bytes:
    """Derives the key that two sessions share: X25519, bound to both sessions' keys.

    Raises Refusal for a key that is none.
    """
    if len(public) != KEY_BYTES:  # PyNaCl hands it on as it is, and libsodium would read past its end
        raise Refusal(Code.INVALID, "not an X25519 key")
    try:
        shared = bindings.crypto_scalarmult(secret, public)
    except (CryptoError, RuntimeError, ValueError, TypeError):
        raise Refusal(Code.INVALID, "not an X25519 key") from None
    low, high = sorted((one, other))
    return derive(shared, "pair", low + high)


def verified(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is Ed25519 (RFC 8032) of `message` by `key`; false for what is no key."""
    if len(signature) != bindings.crypto_sign_BYTES or len(key) != bindings.crypto_sign_PUBLICKEYBYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, key)
    except (CryptoError, ValueError, TypeError):
        return False
    return True


@dataclass(frozen=True)
class Epoch:
    """A key of a room and all that follows from it. A new epoch begins when somebody is removed."""

    key: bytes

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise Refusal(Code.INVALID, "not an epoch's key")

    def __repr__(self) -> str:
        return f"Epoch({self.id.hex()})"

    @cached_property
    def id(self) -> bytes:
        """Its name, 8 bytes: says nothing about the key."""
        return derive(self.key, "id")[:SHORT_BYTES]

    @cached_property
    def packets(self) -> bytes:
        """Seals what goes to the whole room."""
        return derive(self.key, "packets")

    @cached_property
    def cards(self) -> bytes:
        """Seals cards on leases."""
        return derive(self.key, "cards")

    @cached_property
    def registration(self) -> SigningKey:
        """Signs leases and look-ups of cards at a discovery service."""
        return SigningKey(derive(self.key, "registration"))

    @cached_property
    def relay_seed(self) -> bytes:
        """The seed of the key whose hash is the room's tag at a relay."""
        return derive(self.key, "relay")


@lru_cache(maxsize=1024)
def topic(room: bytes, session: bytes = b"") -> bytes:
    """The mesh topic of a room, or of what goes to one session in it.

    It outlives epochs, so that who slept through a new key still hears that there is one.
    """
    return derive(room, "topic", session)[:TAG_BYTES]
