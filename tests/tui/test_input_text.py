"""What is entered is what is sent, whatever Unicode has: in the manner of its own test files, and of what is newer."""

from __future__ import annotations

from sandpiper.tui.input_text import InputText


def test_a_line_ends_with_a_line_feed_only() -> None:
    text = "a\u2028b\x85c\x0bd\n\ne\n"
    entered = InputText(text)
    assert (entered.text, entered.line_count) == (text, 4)
    done = entered.replace_range((2, 1), (0, 1), "\u2029\nx")
    assert (entered.text, done.end_location) == ("a\u2029\nx\n", (1, 1))
    assert done.replaced_text == "\u2028b\x85c\x0bd\n\ne"
    entered.replace_range((0, 1), done.end_location, done.replaced_text)
    assert entered.text == text
