from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import ROOM_NAME_BYTES
from sandpiper.common.rooms import LOBBY, room_name


@pytest.mark.parametrize("text", [LOBBY, "Ops", "pine-ocean-42", "a_b.c", "42", "küche", "部屋", "a" * ROOM_NAME_BYTES])
def test_good_names(text: str) -> None:
    assert room_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-a",
        ".a",
        "_a",
        "a b",
        "a/b",
        "a#b",
        "a\0b",
        "a\x1b",
        "a\n",
        "a" * (ROOM_NAME_BYTES + 1),
        "部" * (ROOM_NAME_BYTES // 3 + 1),
        "cafe\u0301",
        "a\u200b",
        "a\ufe0f",
        "\u3164",
        "a\u115f",
        "a\uffa0",
        "a\ud800",
        "a\ue000",
    ],
)
def test_bad_names(text: str) -> None:
    with pytest.raises(Refusal, match="invalid room name") as caught:
        room_name(text)
    assert caught.value.code is Code.INVALID


@given(st.text(max_size=30))
def test_a_name_is_taken_as_it_is_or_refused(text: str) -> None:
    try:
        name = room_name(text)
    except Refusal:
        return
    assert name == text
    assert name.isprintable()
    assert not set("/# \0") & set(name)
    assert unicodedata.normalize("NFC", name) == name
    assert len(name.encode()) <= ROOM_NAME_BYTES
