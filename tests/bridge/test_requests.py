from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.bridge.requests import LineRequest, parse
from sandpiper.common.limits import DATA_DEPTH
from sandpiper.common.line_requests import Misspoken
from sandpiper.common.messages import Hello, Leave, LineData, LineMsg, ListRooms, Nick, Ping


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"type":"hello"}', Hello()),
        (b' {"v":1,"room":"lobby","type":"hello","new":[{}]}\r', Hello(1, "lobby")),
        (b'{"type":"nick","nick":"\xc3\xa9ve"}', Nick("éve")),
        (b'{"type":"msg","text":"hi","id":"x"}', LineMsg(text="hi", id="x")),
        (b'{"type":"data","value":null}', LineData(value=None)),
        (b'{"type":"rooms"}', ListRooms()),
        (b'{"type":"leave"}', Leave()),
        (b'{"type":"ping","id":7}', Ping()),
    ],
)
def test_what_may_be_said(line: bytes, said: object) -> None:
    assert parse(line) == said


def test_how_deep_a_value_may_be() -> None:
    def nested(depth: int) -> bytes:
        return b'{"type":"data","id":"x","value":' + b'{"a":[' * (depth // 2) + b"]}" * (depth // 2) + b"}"

    assert parse(nested(DATA_DEPTH))
    with pytest.raises(Misspoken, match="nested at most") as caught:
        parse(nested(DATA_DEPTH + 2))
    assert (caught.value.kind, caught.value.id) == ("data", "x")


def heard(line: bytes) -> tuple[LineRequest | None, str]:
    try:
        return parse(line), ""
    except Misspoken as error:
        return None, error.text


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("type"), inner),
    max_leaves=8,
)


@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_a_line_is_said_or_misspoken(line: bytes) -> None:
    said, error = heard(line)
    assert said is not None or error.startswith("invalid ")


@given(st.dictionaries(st.sampled_from(["text", "id", "room", "nick", "n"]), anything))
def test_a_message_of_any_shape(more: dict[str, Any]) -> None:
    said, error = heard(json.dumps(more | {"type": "msg"}).encode())
    if said is None:
        assert error.startswith(("invalid message", "invalid json"))
    else:
        assert isinstance(said, LineMsg)
        assert said.text == more["text"]
