"""What all wire modules decode with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest

from sandpiper.common import codec
from sandpiper.common.errors import Refusal
from sandpiper.common.limits import DATA_DEPTH, ERROR_CHARS


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ({"type": "nonsense", "r": 7}, 7),
        ({"r": 0}, 0),
        ({"r": -1}, 0),
        ({"r": 1 << 63}, 1 << 63),
        ({"r": True}, 0),
        ({"r": 1.0}, 0),
        ({"r": "7"}, 0),
        ({}, 0),
        ([7], 0),
        (7, 0),
    ],
)
def test_the_number_of_a_bad_request(body: Any, number: int) -> None:
    told = codec.request_number(msgpack.packb(body))
    assert told == number
    assert type(told) is int


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x81", b"\x91" * 100_000, b"\xdf\xff\xff\xff\xff", b"\xa1\xff"])
def test_what_cannot_be_decoded_is_refused_in_one_short_line(raw: bytes) -> None:
    with pytest.raises(Refusal, match="not a thing: ") as caught:
        codec.decode(msgspec.msgpack.Decoder(dict[str, int]), raw, "not a thing")
    assert len(caught.value.text) <= ERROR_CHARS + 20


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}, lambda inner: (1, inner)])
def test_how_deep_a_value_may_be(wrap: Callable[[Any], Any]) -> None:
    value: Any = 1
    for _ in range(DATA_DEPTH):
        value = wrap(value)
    assert not codec.is_too_deep(value)
    assert codec.is_too_deep(wrap(value))


def test_keys_count_as_what_stands_in_a_map() -> None:
    key: Any = 1
    for _ in range(DATA_DEPTH):
        key = (key,)
    assert codec.is_too_deep({key: 1})
