"""One attempt at admission, from either side: SPAKE2 on the code, bound to everything said before it.

`spake2` is PyPI's; what is hashed here only says which attempt it is. A middleman would have to say other keys, and
would then have another transcript, so that to him even the right code is a wrong one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import VERSION
from sandpiper.common.p2p.sealing import NONCE_BYTES, derive, digest, seal, unseal

_CONFIRM: Final = b"sandpiper admission v1 "


def shared_secret(words: str, password: str | None) -> bytes:
    """The secret that both sides must know."""
    return words.encode() + b"\0" + (password or "").encode()


class Attempt:
    """`joiner` says which side this is. `message` is its half; after `finish` it can confirm and seal."""

    def __init__(
        self,
        *,
        joiner: bool,
        secret: bytes,
        nameplate: int,
        generation: int,
        room: bytes,
        attempt: bytes,
        joiner_key: bytes,
        sponsor_key: bytes,
        entropy: Callable[[int], bytes],
    ) -> None:
        from spake2 import SPAKE2_A, SPAKE2_B  # 50 ms, and only admission needs it

        said = (
            VERSION.to_bytes(2, "big"),
            nameplate.to_bytes(8, "big"),
            generation.to_bytes(8, "big"),
            room,
            attempt,
            joiner_key,
            sponsor_key,
        )
        side = SPAKE2_A if joiner else SPAKE2_B
        self._joiner = joiner
        self._transcript = digest(b"admission", *said)
        self._spake = side(secret, idA=digest(b"joiner", *said), idB=digest(b"sponsor", *said), entropy_f=entropy)
        self._entropy = entropy
        self._key = b""
        self.message: bytes = self._spake.start()

    def finish(self, message: bytes) -> None:
        """Takes the other half. Raises Refusal for what is none."""
        try:
            shared = self._spake.finish(message)
        except Exception as error:
            # spake2 rejects what is no group element with exceptions of half a dozen unrelated classes, asserts too.
            raise Refusal(Code.ACCESS, "not a SPAKE2 message") from error
        self._key = derive(hashlib.sha256(shared).digest(), "admission", self._transcript)

    @property
    def confirmation(self) -> bytes:
        """Our proof that we know the code."""
        return self._confirm(self._joiner)

    def proves(self, shown: bytes) -> bool:
        """Whether the other end knows it. Constant time."""
        return hmac.compare_digest(self._confirm(not self._joiner), shown)

    def _confirm(self, joiner: bool) -> bytes:
        side = b"joiner" if joiner else b"sponsor"
        return hashlib.blake2b(_CONFIRM + side + self._transcript, key=self._key, digest_size=32).digest()

    def seal(self, plaintext: bytes) -> bytes:
        """Encrypts for the other end alone."""
        side = b"joiner" if self._joiner else b"sponsor"
        return seal(derive(self._key, "letters"), self._entropy(NONCE_BYTES), plaintext, side)

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypts what the other end has sealed. Raises Refusal."""
        side = b"sponsor" if self._joiner else b"joiner"
        return unseal(derive(self._key, "letters"), sealed, side)
