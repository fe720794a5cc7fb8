"""SPAKE2 as RFC 9382 has it, SPAKE2-edwards25519-SHA512-HKDF-HMAC: two ends that know a password agree on a key.

The group is libsodium's by PyNaCl, which works in constant time; hashes are Python's. Names are the RFC's: A begins,
w is the password's scalar, x the scalar that was drawn, K the shared element, TT the transcript. Pure: whoever calls
brings the entropy.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError

from sandpiper.common.errors import Code, Refusal

Entropy = Callable[[int], bytes]

# RFC 9382, section 6: nobody knows their discrete logarithms.
M: Final = bytes.fromhex("d048032c6ea0b6d697ddc2e86bda85a33adac920f1bf18e1b0c6d166a5cecdaf")
N: Final = bytes.fromhex("d3bfb518f44f3430f29d0c92af503865a1ed3281dc69b35dd868ba85f886c4ab")
_DOMAIN: Final = b"sandpiper spake2 v1\0"
_COFACTOR: Final = (8).to_bytes(32, "little")
_SCALAR_BYTES: Final = bindings.crypto_core_ed25519_NONREDUCEDSCALARBYTES
"""A scalar is reduced from so many octets, of which twice as many as it has make it uniform."""


@dataclass(frozen=True, slots=True, repr=False)
class Agreement:
    """What both ends have at the end: the key, and the confirmation that each shows the other. None is to be logged."""

    key: bytes
    """Ke: 32 octets, to derive from."""
    confirmation_a: bytes
    confirmation_b: bytes

    def holds(self, shown: bytes, *, of_a: bool) -> bool:
        """Returns whether `shown` is that end's confirmation. Constant time."""
        return hmac.compare_digest(self.confirmation_a if of_a else self.confirmation_b, shown)


class Spake2:
    """One end of SPAKE2. `message` is its half, 32 octets; `finish` takes the other half, once."""

    def __init__(
        self, password: bytes, *, is_a: bool, id_a: bytes, id_b: bytes, context: bytes, entropy: Entropy
    ) -> None:
        """`context` is the RFC's AAD. No memory-hard hash makes w: nothing that is kept or sent can be searched."""
        self._is_a = is_a
        self._identities = (id_a, id_b)
        self._context = context
        self._w = bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(_DOMAIN + password).digest())
        self._x = bindings.crypto_core_ed25519_scalar_reduce(entropy(_SCALAR_BYTES))
        self.message = half(self._w, self._x, M if is_a else N)

    def finish(self, message: bytes) -> Agreement:
        """Agrees on the key. Raises Refusal for what is no element of the group, our own half, and a second half."""
        x, self._x = self._x, b""
        if not x or hmac.compare_digest(message, self.message):
            raise Refusal(Code.ACCESS, "not a SPAKE2 message")
        shared = shared_element(self._w, x, N if self._is_a else M, message)
        halves = (self.message, message) if self._is_a else (message, self.message)
        return agreement(transcript(*self._identities, *halves, shared, self._w[::-1]), self._context)


def half(w: bytes, x: bytes, blind: bytes) -> bytes:
    """Returns x*P + w*`blind`."""
    return bindings.crypto_core_ed25519_add(
        bindings.crypto_scalarmult_ed25519_base_noclamp(x), bindings.crypto_scalarmult_ed25519_noclamp(w, blind)
    )


def shared_element(w: bytes, x: bytes, blind: bytes, message: bytes) -> bytes:
    """Returns K = h*x*(message - w*`blind`). Raises Refusal for a message outside the prime group, and for K = 0."""
    try:
        # Of 32 octets, canonical, on the curve, of no small order, in the prime group.
        if not bindings.crypto_core_ed25519_is_valid_point(message):
            raise Refusal(Code.ACCESS, "not a SPAKE2 message")
        bare = bindings.crypto_core_ed25519_sub(message, bindings.crypto_scalarmult_ed25519_noclamp(w, blind))
        return bindings.crypto_scalarmult_ed25519_noclamp(bindings.crypto_core_ed25519_scalar_mul(_COFACTOR, x), bare)
    except (CryptoError, ValueError, TypeError):
        raise Refusal(Code.ACCESS, "not a SPAKE2 message") from None


def transcript(*parts: bytes) -> bytes:
    """Returns TT of A, B, pA, pB, K and w (big endian), each with its length before it, as 8 octets, little endian."""
    return b"".join(len(part).to_bytes(8, "little") + part for part in parts)


def agreement(tt: bytes, context: bytes, hash_name: str = "sha512") -> Agreement:
    """Derives the key and the confirmations of a transcript: section 4 of the RFC, with HKDF of RFC 5869."""
    hashed = hashlib.new(hash_name, tt).digest()
    middle = len(hashed) // 2
    extracted = hmac.digest(bytes(len(hashed)), hashed[middle:], hash_name)
    keys = hmac.digest(extracted, b"ConfirmationKeys" + context + b"\x01", hash_name)  # one block is all of it
    confirmations = (hmac.digest(key, tt, hash_name) for key in (keys[:middle], keys[middle:]))
    return Agreement(hashed[:middle], *confirmations)
