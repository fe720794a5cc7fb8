from __future__ import annotations

from sandpiper.chat.table import columns


def test_cells_stand_in_columns() -> None:
    laid = columns([[("a", ""), ("", "soft"), ("x", "")], [("bcd", "nick bcd"), ("", ""), ("", "")]])
    assert laid == [[("a    ", ""), ("x", "")], [("bcd", "nick bcd")]]


def test_wide_characters_count_as_what_they_take() -> None:
    assert columns([[("\u4f60", ""), ("x", "")], [("abc", ""), ("y", "")]])[0][0] == ("\u4f60   ", "")


def test_nothing_raw_comes_through() -> None:
    assert "".join(text for text, _ in columns([[("\x1b[2J", ""), ("a\nb", "")]])[0]).isprintable()
