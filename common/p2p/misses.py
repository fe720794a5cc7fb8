"""Counts of wrong guesses at the code: how many a person has met, said and signed by that person."""

from __future__ import annotations

import msgspec
from nacl.signing import SigningKey

from sandpiper.common.p2p.sealing import digest, verified

_DOMAIN = b"sandpiper miss v1\0"


class MissCount(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How many wrong guesses `person` (an identity) met, under the room's key `epoch`, in one generation of its code.

    `signature` is the person's, over the room and the rest.
    """

    person: bytes
    epoch: bytes
    generation: int
    count: int
    signature: bytes

    def holds(self, room: bytes) -> bool:
        """Whether the person has signed it for this room."""
        text = _text(room, self.epoch, self.generation, self.count)
        return text is not None and verified(self.person, text, self.signature)


def sign(identity: SigningKey, room: bytes, epoch: bytes, generation: int, count: int) -> MissCount:
    """Signs the count of a person's own."""
    text = _text(room, epoch, generation, count)
    assert text is not None
    person = bytes(identity.verify_key)
    return MissCount(person, epoch, generation, count, identity.sign(text).signature)


def _text(room: bytes, epoch: bytes, generation: int, count: int) -> bytes | None:
    if not (0 <= generation < 1 << 32 and 0 <= count < 1 << 32):
        return None
    return _DOMAIN + digest(room, epoch, generation.to_bytes(4, "big"), count.to_bytes(4, "big"))
