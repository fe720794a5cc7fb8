from __future__ import annotations

import pyte

from sandpiper.tui.cells import BLANK, CellRow, CellWriter, Ink, is_doubtful

WIDTH = 12


def row_of(text: str, ink: Ink = BLANK) -> CellRow:
    row = CellRow(WIDTH, known=True)
    for at, character in enumerate(text):
        row.texts[at], row.inks[at] = character, ink
    return row


def painted(*writes: str) -> pyte.Screen:
    screen = pyte.Screen(WIDTH, 3)
    stream = pyte.Stream(screen)
    for each in writes:
        stream.feed(each)
    return screen


def test_a_row_stands_where_it_was_written() -> None:
    writer = CellWriter()
    assert painted(writer.write(0, 1, row_of("hello"), WIDTH, WIDTH)).display[1] == "hello".ljust(WIDTH)


def test_the_cursor_and_the_style_are_said_only_where_they_differ() -> None:
    writer, red = CellWriter(), Ink("31")
    first = writer.write(0, 0, row_of("ab", red), 2, WIDTH)
    assert "\x1b[1;1H" in first
    assert "31" in first
    assert writer.write(2, 0, row_of("abcd", red), 4, WIDTH) == "cd"
    assert writer.move(4, 0) == ""
    assert writer.move(6, 0) == "\x1b[2C"


def test_a_mark_that_ends_takes_no_other_with_it() -> None:
    writer = CellWriter()
    both = writer.write(0, 0, row_of("a", Ink("", "", frozenset("14"))), 1, WIDTH)
    one = writer.write(1, 0, row_of("ab", Ink("", "", frozenset("4"))), 2, WIDTH)
    cell = painted(both, one).buffer[0][1]
    assert (cell.data, cell.bold, cell.underscore) == ("b", False, True)


def test_many_blanks_are_erased_and_few_are_written() -> None:
    writer = CellWriter(erases=True)
    assert writer.write(0, 0, row_of(""), WIDTH, WIDTH).endswith("\x1b[K")
    assert "\x1b[K" not in writer.write(0, 1, row_of("x" * (WIDTH - 2)), WIDTH, WIDTH)


def test_of_what_is_wide_for_some_the_place_is_said_anew() -> None:
    assert not is_doubtful("a", wide=False)
    assert not is_doubtful("\u4f60", wide=True)
    assert is_doubtful("\U0001f600", wide=True)
    assert is_doubtful("e\u0301", wide=False)
    row = row_of("\U0001f600")
    row.texts[1], row.texts[2] = "", "x"
    assert CellWriter().write(0, 0, row, 3, WIDTH).endswith("\x1b[3Gx")


def test_rows_that_scroll_leave_the_others() -> None:
    writer = CellWriter()
    writes = [writer.write(0, y, row_of(text), WIDTH, WIDTH) for y, text in enumerate("abc")]
    assert [each.strip() for each in painted(*writes, writer.scroll(0, 2, 1)).display] == ["b", "", "c"]
