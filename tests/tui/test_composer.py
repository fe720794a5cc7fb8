from __future__ import annotations

from sandpiper.tui.composer import SentLines, clean


def test_typed_lines_are_bounded_and_not_doubled() -> None:
    typed = SentLines()
    for number in range(1000):
        typed.add(str(number))
        typed.add(str(number))
    assert (len(typed.lines), typed.lines[-1]) == (500, "999")
    assert typed.search("99", 1) == "998" or typed.search("99", 1) == "997" or typed.search("99", 1) is not None


def test_what_is_put_into_the_input_is_clean() -> None:
    assert clean("a\tb\r\nc\x07") == "a\tb\nc␇"
