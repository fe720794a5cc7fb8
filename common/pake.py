"""The access code's proof: SPAKE2 on the code, bound to both ends' CURVE keys, with confirmations.

Neither the code nor anything from which it could be searched offline crosses the wire. The client confirms first, so
that a stranger who asks gets nothing to test guesses against; each wrong guess costs one attempt at the broker. A
middleman who shows another broker key fails like a wrong code, so even a first connection is authenticated.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from sandpiper.common.spake2 import Entropy, Spake2

_CONTEXT: Final = b"sandpiper access v1"


@dataclass(frozen=True, slots=True, repr=False)
class Proof:
    """The confirmations that both sides show each other."""

    client: bytes
    broker: bytes

    def holds(self, shown: bytes) -> bool:
        """Whether `shown` is the client's confirmation. Constant time."""
        return hmac.compare_digest(self.client, shown)


class Prover:
    """An end of an attempt at SPAKE2: the client is A, the broker B."""

    def __init__(self, code: str, *, client: bool, client_key: bytes, broker_key: bytes, entropy: Entropy) -> None:
        self._spake = Spake2(
            code.encode(), is_a=client, id_a=client_key, id_b=broker_key, context=_CONTEXT, entropy=entropy
        )
        self.message = self._spake.message

    def finish(self, message: bytes) -> Proof:
        """Both confirmations, from the other end's message. Raises Refusal for what is no such message."""
        agreed = self._spake.finish(message)
        return Proof(agreed.confirmation_a, agreed.confirmation_b)
