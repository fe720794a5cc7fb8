from __future__ import annotations

import pytest
import segno

from sandpiper.cli.qr import QUIET, qr_lines

LINE = "sandpiper://join#pine-ocean-42"
DARK = {"█": (False, False), "▀": (False, True), "▄": (True, False), " ": (True, True)}


def modules(lines: list[str]) -> list[list[bool]]:
    """The picture, read back."""
    rows = []
    for line in lines:
        for half in (0, 1):
            rows.append([DARK[char][half] for char in line])
    return rows


@pytest.mark.parametrize("text", [LINE, "x", "sandpiper join pine-ocean-42 --discovery chat.example.org:8000"])
def test_the_picture_is_the_code(text: str) -> None:
    lines = qr_lines(text, 80)
    assert lines is not None
    assert len({len(line) for line in lines}) == 1
    rows = modules(lines)
    expected = [list(map(bool, row)) for row in segno.make(text, error="l", micro=False, boost_error=False).matrix]
    inner = [row[QUIET:-QUIET] for row in rows[QUIET : QUIET + len(expected)]]
    assert inner == expected
    assert not any(any(row) for row in (*rows[:QUIET], *rows[QUIET + len(expected) :]))
    assert not any(row[0] or row[-1] for row in rows)


def test_colours_say_black_on_white_on_each_line() -> None:
    lines, plain = qr_lines(LINE, 80, colours=True), qr_lines(LINE, 80)
    assert lines is not None
    assert plain is not None
    assert lines == [f"\x1b[97;40m{line}\x1b[0m" for line in plain]


def test_one_that_does_not_fit_is_none() -> None:
    lines = qr_lines(LINE, 80)
    assert lines is not None
    assert qr_lines(LINE, len(lines[0])) is not None
    assert qr_lines(LINE, len(lines[0]) - 1) is None
    assert qr_lines(LINE, 80, len(lines)) is not None
    assert qr_lines(LINE, 80, len(lines) - 1) is None
    assert qr_lines("x" * 5000, 1000) is None
