from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.items import Item
from sandpiper.common.limits import LINE_BYTES
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Ack, Data, Error, Found, Lost, Me, Msg, NickSet, Notice, Trimmed, Whisper

MSG = Msg("alice", "hi", 7, "lobby", 3, 2, "run", "id", "fp", True)
ME = Me("alice", "waves", 7, "lobby", 3, 2, "run", "id", "fp", True)
DATA = Data("alice", {"t": 1}, 7, "lobby", 3, 2, "run", "id", "fp", True)


@pytest.mark.parametrize(
    ("message", "original"),
    [
        (MSG, {"type": "msg", "nick": "alice", "text": "hi", "ts": 7}),
        (ME, {"type": "notice", "text": "* alice waves", "ts": 7}),
        (
            Whisper("alice", "bob", "psst", 7, "lobby", "id", None, False),
            {"type": "notice", "text": "alice whispers: psst", "ts": 7},
        ),
        (Notice("bob joined", 7, "lobby", "join", "bob"), {"type": "notice", "text": "bob joined", "ts": 7}),
        (NickSet("nick set to bob", 7), {"type": "nick", "text": "nick set to bob", "ts": 7}),
        (Error("no", 7, "invalid", "id", "lobby"), {"type": "error", "text": "no", "ts": 7}),
    ],
)
def test_what_an_original_client_is_told(message: msgspec.Struct, original: dict[str, Any]) -> None:
    line = Item(message).original
    assert json.loads(line) == original
    assert list(json.loads(line)) == list(original)


@pytest.mark.parametrize(
    "message", [DATA, Ack("id", "lobby", 3), Lost("lobby", None, 3), Found("lobby", None, 3), Trimmed("lobby", 9)]
)
def test_what_the_original_wire_has_no_word_for(message: msgspec.Struct) -> None:
    assert Item(message).original == b""


@pytest.mark.parametrize("message", [MSG, ME, DATA, Ack("id", "lobby", 3)])
def test_the_extended_tongue_is_the_whole_object(message: msgspec.Struct) -> None:
    assert Item(message).extended == encode_line(message)


def test_a_line_is_made_once() -> None:
    item = Item(MSG)
    assert item.extended is item.extended
    assert item.original is item.original


@given(st.text())
def test_a_line_is_one_line_whatever_the_text(text: str) -> None:
    item = Item(Msg("alice", text, 7, "lobby", 3, 2, "run", "id", None, False))
    for line in (item.extended, item.original):
        assert line.count(b"\n") == 1
        assert json.loads(line)["text"] == text


def test_what_grows_over_the_limit_becomes_an_error() -> None:
    item = Item(Msg("alice", "\x01" * 56_000, 7, "lobby", 3, 2, "run", "id", None, False))
    for line in (item.extended, item.original):
        assert len(line) <= LINE_BYTES
        assert json.loads(line)["type"] == "error"
    assert json.loads(item.original).keys() == {"type", "text", "ts"}
