# ruff: noqa: RUF001  # look-alikes are what is tested
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import NICK_CHARS
from sandpiper.common.nicks import ANON, COLOURS, chosen, colour, fold, nick, skeleton
from sandpiper.common.sanitise import printable


@pytest.mark.parametrize(
    "text", ["alice", ANON, "Alice B", "bob_2", "o'neil", "Łukasz", "小明", "🦊", "x", "a" * NICK_CHARS, "नमस्ते"]
)
def test_good_nicks(text: str) -> None:
    assert nick(text) == text


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u3000"])
def test_an_empty_nick_is_just_invalid(text: str) -> None:
    with pytest.raises(Refusal, match=r"^invalid nick$") as caught:
        nick(text)
    assert caught.value.code is Code.INVALID


@pytest.mark.parametrize(
    "text",
    [
        "a" * (NICK_CHARS + 1),
        " alice",
        "alice ",
        "a  b",
        "a\u00a0b",
        "a\tb",
        "a\nb",
        "cafe\u0301",
        "a\x1bb",
        "a\u200bb",
        "a\u202eb",
        "\u3164",
        "a\u3164",
        "a\ufe0f",
        "\u2764\ufe0f",
        "👨\u200d👩",
        "\u2800",
        "a\ud800",
        "a\ue000",
        "a\U000e0041",
        "\u0301",
        "x" + "\u0332" * 20,
        "...",
        "-_-",
        "$",
        *(f"a{char}b" for char in '/@:,#<>"'),
        *(f"a{char}" for char in "*~!·•…✓✔✗●▎─→"),
        "-bob",
        "you",
        "You",
    ],
)
def test_bad_nicks(text: str) -> None:
    with pytest.raises(Refusal, match=r"^invalid nick: ") as caught:
        nick(text)
    assert caught.value.code is Code.INVALID


@given(st.text(max_size=NICK_CHARS + 2))
def test_a_nick_is_taken_as_it_is_or_refused(text: str) -> None:
    try:
        claimed = nick(text)
    except Refusal as refusal:
        claimed, complaint = None, refusal.text
    if claimed is None:
        assert complaint.startswith("invalid nick")
    else:
        assert claimed == text == printable(text)


@given(st.text(max_size=20))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_folding() -> None:
    assert fold("Alice") == fold("ALICE") == "alice"
    assert fold("Ａlice") == "alice"
    assert fold("Straße") == fold("STRASSE")
    assert fold("alice") != fold("аlice")  # a Cyrillic a


@given(st.text(max_size=20))
def test_a_skeleton_is_its_own(text: str) -> None:
    assert skeleton(skeleton(text)) == skeleton(text)


@given(st.text(max_size=20))
def test_a_colour_belongs_to_the_name(text: str) -> None:
    assert 0 <= colour(text) < COLOURS
    assert colour(text) == colour(fold(text))


def test_colours_are_the_same_everywhere() -> None:
    assert [colour(name) for name in ("alice", "bob", "Carol")] == [9, 10, 4]
    assert len({colour(f"nick{n}") for n in range(200)}) == COLOURS


def test_a_nick_that_somebody_types_is_composed() -> None:
    assert chosen("Rene\u0301") == "Ren\u00e9"
    with pytest.raises(Refusal, match="NFC"):
        nick("Rene\u0301")
    with pytest.raises(Refusal, match="a mark of the screen's"):
        chosen("a*")
