from __future__ import annotations

import pytest

from sandpiper.tui.code import coloured


@pytest.mark.parametrize(
    ("line", "language", "pieces"),
    [
        ("return 'x'  # 7", "python", [("return", "keyword"), ("'x'", "string"), ("# 7", "comment")]),
        ("/* one", "c", [("/* one", "comment")]),
        ('{"a": 1.5e3}', "json", [('"a"', "string"), ("1.5e3", "number")]),
        ("format(1)", "python", [("1", "number")]),  # `for` is no word in it
    ],
)
def test_what_stands_in_a_line(line: str, language: str, pieces: list[tuple[str, str]]) -> None:
    found = coloured(line, language)
    assert "".join(text for text, _ in found) == line
    assert [each for each in found if each[1] != "code"] == pieces


def test_a_difference_is_coloured_by_how_its_lines_begin() -> None:
    assert coloured("+added", "diff") == [("+added", "added")]
    assert coloured("-gone", "patch") == [("-gone", "removed")]


def test_a_language_that_nobody_knows_is_plain() -> None:
    assert coloured("anything", "brainfuck") == [("anything", "code")]


@pytest.mark.parametrize("line", ['"' * 20_000, "\\" * 20_000, "a1" * 20_000, "'\\" * 20_000])
def test_whatever_stands_there_nothing_of_it_is_lost(line: str) -> None:
    assert "".join(text for text, _ in coloured(line, "python")) == line
