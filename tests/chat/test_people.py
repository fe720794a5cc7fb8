from __future__ import annotations

import pytest

from sandpiper.chat.people import first_word, whole_nick


@pytest.mark.parametrize(
    ("rest", "word", "more"),
    [
        ("bob hello", "bob", "hello"),
        ("@bob: hello", "bob", "hello"),
        ('"two words" hush', "two words", "hush"),
        ('"two words', "two words", ""),
        ("bob", "bob", ""),
    ],
)
def test_a_nick_and_what_follows(rest: str, word: str, more: str) -> None:
    assert first_word(rest) == (word, more)


@pytest.mark.parametrize("rest", ["two words", '"two words"', "@two words", "two words: "])
def test_a_nick_by_itself(rest: str) -> None:
    assert whole_nick(rest) == "two words"
