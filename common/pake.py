"""The access code's proof: SPAKE2 on the code, bound to both ends' CURVE keys, with confirmations.

Neither the code nor anything from which it could be searched offline crosses the wire. The client confirms first, so
that a stranger who asks gets nothing to test guesses against; each wrong guess costs one attempt at the broker. A
middleman who shows another broker key fails like a wrong code, so even a first connection is authenticated.
"""

from __future__ import annotations

from typing import Final

from sandpiper.common.spake2 import Entropy, Spake2

_CONTEXT: Final = b"sandpiper access v1"


def prover(code: str, *, client: bool, client_key: bytes, broker_key: bytes, entropy: Entropy) -> Spake2:
    """Begins one end of the proof: the client is A, the broker B."""
    return Spake2(code.encode(), is_a=client, id_a=client_key, id_b=broker_key, context=_CONTEXT, entropy=entropy)
