"""One attempt at admission, from either side: SPAKE2 on the code, bound to everything said before it.

What is hashed here only says which attempt it is. A middleman would have to say other keys, and would then have another
transcript, so that to him even the right code is a wrong one.
"""

from __future__ import annotations

from sandpiper.common.limits import VERSION
from sandpiper.common.p2p.sealing import NONCE_BYTES, derive, digest, seal, unseal
from sandpiper.common.spake2 import Agreement, Entropy, Spake2


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
        entropy: Entropy,
    ) -> None:
        said = (
            VERSION.to_bytes(2, "big"),
            nameplate.to_bytes(8, "big"),
            generation.to_bytes(8, "big"),
            room,
            attempt,
            joiner_key,
            sponsor_key,
        )
        self._joiner = joiner
        self._transcript = digest(b"admission", *said)
        self._spake = Spake2(
            secret,
            is_a=joiner,
            id_a=digest(b"joiner", *said),
            id_b=digest(b"sponsor", *said),
            context=self._transcript,
            entropy=entropy,
        )
        self._entropy = entropy
        self._agreed: Agreement | None = None
        self._key = b""
        self.message = self._spake.message

    def finish(self, message: bytes) -> None:
        """Takes the other half. Raises Refusal for what is none."""
        self._agreed = self._spake.finish(message)
        self._key = derive(self._agreed.key, "admission", self._transcript)

    @property
    def confirmation(self) -> bytes:
        """Our proof that we know the code. Only after `finish`."""
        assert self._agreed is not None
        return self._agreed.confirmation_a if self._joiner else self._agreed.confirmation_b

    def proves(self, shown: bytes) -> bool:
        """Whether the other end knows it; false before `finish`. Constant time."""
        return self._agreed is not None and self._agreed.holds(shown, of_a=not self._joiner)

    def seal(self, plaintext: bytes) -> bytes:
        """Encrypts for the other end alone."""
        side = b"joiner" if self._joiner else b"sponsor"
        return seal(derive(self._key, "letters"), self._entropy(NONCE_BYTES), plaintext, side)

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypts what the other end has sealed. Raises Refusal."""
        side = b"sponsor" if self._joiner else b"joiner"
        return unseal(derive(self._key, "letters"), sealed, side)
