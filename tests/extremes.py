"""Messages as a hostile end writes them: each field of each struct, nested ones too, with extreme values."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, nan
from typing import Any, Final

import msgspec

INTEGERS: Final = (
    -(1 << 63),
    -1,
    0,
    1,
    100,
    (1 << 31) - 1,
    1 << 32,
    1 << 53,
    (1 << 62) - 1,
    (1 << 63) - 1,
    (1 << 64) - 1,
)
FLOATS: Final = (nan, inf, -inf, -1.0, 0.0, 5e-324, 1e308)
TEXTS: Final = ("", " ", "\x1b[2J\x00\u202e", "x" * 5000, "99999999999999999999", "é" * 300)
OCTETS: Final = (b"", b"x", bytes(16), bytes(31), bytes(32), bytes(64), b"\xff" * 32, bytes(5000))
MANY: Final = 300


def extremes(message: Any) -> Iterator[Any]:
    """The message again and again, each time with one extreme value in it."""
    for field in message.__struct_fields__:
        for value in values(getattr(message, field)):
            changed = msgspec.structs.replace(message, **{field: value})
            yield changed


def values(good: Any) -> Iterator[Any]:
    """What may stand in the place of a value, as far as its type goes."""
    if isinstance(good, msgspec.Struct):
        yield from extremes(good)
    elif isinstance(good, bool):
        yield not good
    elif isinstance(good, int):
        yield from INTEGERS
    elif isinstance(good, float):
        yield from FLOATS
        yield from INTEGERS
    elif isinstance(good, str):
        yield from TEXTS
    elif isinstance(good, bytes):
        yield from OCTETS
    elif isinstance(good, (list, tuple)):
        yield []
        for each in good[:1]:
            yield [each] * MANY
            yield from ([value, *good[1:]] for value in values(each))
    elif isinstance(good, dict):
        yield {}
        for key, each in list(good.items())[:1]:
            yield from ({value: each} for value in values(key))
            yield from ({key: value} for value in values(each))
