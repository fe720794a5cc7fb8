"""msgpack on the wire: what every message type is encoded and decoded with, and what is refused as undecodable."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import DATA_DEPTH
from sandpiper.common.sanitise import complaint

UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes from a stranger."""

_encoder: Final = msgspec.msgpack.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """Encodes one map."""
    return _encoder.encode(message)


def decode(decoder: msgspec.msgpack.Decoder[Any] | msgspec.json.Decoder[Any], encoded: bytes, what: str) -> Any:
    """Decodes `encoded` with `decoder`. Raises Refusal, whose text is `what`, a colon and the fault."""
    try:
        return decoder.decode(encoded)
    except UNDECODABLE as error:
        raise refusal(error, what) from None


def refusal(error: Exception, what: str) -> Refusal:
    """The refusal of what is UNDECODABLE: `what`, a colon and the fault."""
    return Refusal(Code.INVALID, f"{what}: {complaint(error)}")


def request_number(encoded: bytes) -> int:
    """The `r` of a request that could not be decoded, 0 if it cannot be told."""
    try:
        body = msgspec.msgpack.decode(encoded)
    except UNDECODABLE:
        return 0
    number = body.get("r") if isinstance(body, dict) else None
    return number if type(number) is int and 0 <= number < 1 << 64 else 0  # a bool is no number here


def is_too_deep(value: Any) -> bool:
    """Whether a value is nested more than DATA_DEPTH deep: some encoder down the line might not get to its bottom."""
    level = [value]
    for _ in range(DATA_DEPTH):
        level = [
            item
            for outer in level
            if isinstance(outer, (dict, list, tuple))
            for item in ([*outer.keys(), *outer.values()] if isinstance(outer, dict) else outer)
            if isinstance(item, (dict, list, tuple))
        ]
        if not level:
            return False
    return True
