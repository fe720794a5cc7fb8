from __future__ import annotations

import pytest

from sandpiper.chat.wording import counted, farewell, unknown_command

NAMES = ("help", "nick", "who", "leave", "owner")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("part", "here that is /leave"),
        ("op", "here that is /owner"),
        ("grep", "/help lists them"),  # for which there is no command here
        ("topic", "a room has no topic"),
        ("nik", "did you mean /nick?"),
    ],
)
def test_an_unknown_command_is_answered_with_one_that_there_is(word: str, hint: str) -> None:
    assert unknown_command(word, NAMES) == f"no command /{word}; {hint} (//{word} sends it as text)"


def test_what_becomes_of_a_room_that_is_left() -> None:
    assert "is gone" in farewell("pine-ocean-42", True, "join")
    assert farewell("pine-ocean-42", False, "/join it").endswith("to come back: /join it")


def test_counts() -> None:
    assert (counted(1, "message"), counted(2, "message")) == ("1 message", "2 messages")
