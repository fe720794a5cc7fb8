from __future__ import annotations

import re

import pytest

from sandpiper.cli.chat.rows import rows
from sandpiper.cli.styled import StyledLine, in_style, one_line
from sandpiper.common.sanitise import width


def test_words_stay_whole_and_what_follows_stands_further_in() -> None:
    line = one_line("12:00 bob: the quick brown fox jumps over the lazy dog")
    assert rows(line, 24).split("\n") == ["12:00 bob: the quick", "    brown fox jumps over", "    the lazy dog"]


def test_what_fits_stays_as_it_is() -> None:
    line = one_line("12:00 bob: hi")
    assert rows(line, 13) is line


def test_a_word_that_is_longer_than_a_row_is_cut() -> None:
    assert rows(one_line("x" * 25), 10).split("\n") == ["x" * 10, "    " + "x" * 6, "    " + "x" * 6, "    " + "x" * 3]


@pytest.mark.parametrize("columns", [8, 20, 79, 80])
def test_no_row_is_wider_and_no_character_is_lost(columns: int) -> None:
    said = "the fox 你好世界 " * 20 + "y" * 100
    line = StyledLine(in_style("38;5;160", "bob") + ": " + in_style("2", said))
    parted = rows(line, columns)
    assert isinstance(parted, StyledLine)
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in parted.split("\n")]
    assert all(width(row.rstrip(" ")) <= columns for row in plain)
    assert "".join(plain).replace(" ", "") == f"bob:{said}".replace(" ", "")
    assert re.findall(r"\x1b\[[0-9;]*m", parted) == re.findall(r"\x1b\[[0-9;]*m", line)
