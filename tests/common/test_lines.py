from __future__ import annotations

import datetime
import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.limits import LINE_BYTES
from sandpiper.common.lines import LineReader, TooLong, encode_line
from sandpiper.common.messages import Data, Notice

LIMIT = 8

streams = st.lists(st.one_of(st.binary(max_size=20), st.just(b"\n"), st.just(b"12345678"))).map(b"".join)


def lines_of(chunks: list[bytes], limit: int = LIMIT) -> list[bytes | None]:
    """The lines, None for one that was too long."""
    reader = LineReader(limit)
    return [None if isinstance(line, TooLong) else line for chunk in chunks for line in reader.feed(chunk)]


def split_at(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place for place in places if place <= len(stream)), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@given(streams)
def test_whole_lines_come_out(stream: bytes) -> None:
    *complete, rest = stream.split(b"\n")
    expected = [line if len(line) <= LIMIT else None for line in complete]
    assert lines_of([stream]) == expected + [None] * (len(rest) > LIMIT)


@given(streams, st.lists(st.integers(0, 200)))
def test_split_anywhere_it_is_the_same(stream: bytes, places: list[int]) -> None:
    assert lines_of(split_at(stream, places)) == lines_of([stream])
    assert lines_of([stream[n : n + 1] for n in range(len(stream))]) == lines_of([stream])


@given(streams, st.lists(st.integers(0, 200)))
def test_no_more_than_one_unfinished_line_is_held(stream: bytes, places: list[int]) -> None:
    reader = LineReader(LIMIT)
    fed = b""
    for chunk in split_at(stream, places):
        list(reader.feed(chunk))
        fed += chunk
        assert len(reader._held) <= LIMIT
        assert reader.unfinished == (not fed.endswith(b"\n") and fed != b"")


def test_an_endless_line_is_one_error_and_no_memory() -> None:
    reader = LineReader()
    chunk = b"x" * 10_000
    answers = [answer for _ in range(1000) for answer in reader.feed(chunk)]
    assert len(answers) == 1
    assert isinstance(answers[0], TooLong)
    assert len(reader._held) <= LINE_BYTES
    assert list(reader.feed(b"\nnext\n")) == [b"next"]


def test_a_line_of_just_the_limit_passes() -> None:
    line = b"x" * LINE_BYTES
    assert list(LineReader().feed(line + b"\n")) == [line]
    assert [type(answer) for answer in LineReader().feed(line + b"x\n")] == [TooLong]


keys = st.one_of(st.text(max_size=5), st.integers(-5, 5), st.none(), st.booleans(), st.binary(max_size=3))
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.text(max_size=10),
        st.binary(max_size=10),
        st.datetimes(timezones=st.just(datetime.timezone.utc)),
        st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=5)),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def data(value: Any) -> Data:
    return Data("a", value, 1, "lobby", 1, 0, "run", "id", None, False)


@given(values)
def test_every_value_has_a_line(value: Any) -> None:
    line = encode_line(data(value))
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert json.loads(line)["type"] == "data"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, None, True, 1.5]}, {"a": [1, None, True, 1.5]}),
        (b"ab", "YWI="),
        (float("nan"), None),
        (msgspec.msgpack.Ext(5, b"ab"), {"ext": 5, "data": "YWI="}),
        ({None: b"ab"}, {"None": "YWI="}),
        ({(1, 2): {True: msgspec.msgpack.Ext(5, b"ab")}}, {"(1, 2)": {"True": {"ext": 5, "data": "YWI="}}}),
        (2**64 - 1, 2**64 - 1),
    ],
)
def test_what_json_makes_of_values(value: Any, shown: Any) -> None:
    assert json.loads(encode_line(data(value)))["value"] == shown


def test_what_a_terminal_would_obey_is_escaped() -> None:
    value = {"t": "\x7f\x9b31m\u202e\u2028\U000e0041é日👨\u200d👩", "\u202ekey": ["\x85"]}
    line = encode_line(value)
    assert json.loads(line) == value
    assert not {char for char in line.decode() if not char.isprintable()} - {"\n"}
    assert "é日👨" in line.decode()


def test_a_newline_in_a_text_is_no_newline_in_the_line() -> None:
    assert encode_line(Notice("a\nb", 1)) == b'{"type":"notice","text":"a\\nb","ts":1}\n'
