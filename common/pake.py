"""The access code's proof: SPAKE2 (PyPI `spake2`), bound to both ends' CURVE keys, with confirmations.

Neither the code nor anything from which it could be searched offline crosses the wire. The client confirms first, so
that a stranger who asks gets nothing to test guesses against; each wrong guess costs one attempt at the broker. A
middleman who shows another broker key fails like a wrong code, so even a first connection is authenticated.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from spake2 import SPAKE2_A, SPAKE2_B

from sandpiper.common.errors import Code, Refusal

Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Proof:
    """The confirmations that both sides show each other: 32 bytes each."""

    client: bytes
    broker: bytes

    def holds(self, shown: bytes) -> bool:
        """Whether `shown` is the client's confirmation. Constant time."""
        return hmac.compare_digest(self.client, shown)


class Prover:
    """An end of an attempt at SPAKE2: the client is A, the broker B."""

    def __init__(self, code: str, *, client: bool, client_key: bytes, broker_key: bytes, entropy: Entropy) -> None:
        side = SPAKE2_A if client else SPAKE2_B
        self._spake = side(code.encode(), idA=client_key, idB=broker_key, entropy_f=entropy)
        self.message: bytes = self._spake.start()

    def finish(self, message: bytes) -> Proof:
        """Both confirmations, from the other end's message. Raises Refusal for what is no such message."""
        try:
            key = self._spake.finish(message)
        except Exception as error:
            # spake2 rejects what is no group element with exceptions of half a dozen unrelated classes, asserts too.
            raise Refusal(Code.ACCESS, "not a SPAKE2 message") from error
        return Proof(_confirm(key, b"client"), _confirm(key, b"broker"))


def _confirm(key: bytes, side: bytes) -> bytes:
    return hashlib.blake2b(b"sandpiper access v1 " + side, key=key, digest_size=32).digest()
