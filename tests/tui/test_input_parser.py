from __future__ import annotations

import pytest

from sandpiper.common.limits import PASTE_CHARS, PASTE_LINES
from sandpiper.tui.input_parser import InputParser, Pasted


def test_a_paste_is_one_wherever_a_read_ends() -> None:
    sent = "ab\x1b[200~one\x1b[31m\rtwo\x00 \x1b[20\r\x1b[201~cd\x1b[A"
    for size in range(1, len(sent) + 1):
        parser = InputParser()
        given = [each for at in range(0, len(sent), size) for each in parser.feed(sent[at : at + size])]
        pastes = [each for each in given if isinstance(each, Pasted)]
        text = "one\x1b[31m\rtwo\x00 \x1b[20\r"
        assert pastes == [Pasted(text, len(text))]
        keys = "".join(each for each in given if isinstance(each, str))
        assert keys.replace("\x1b[200~\x1b[201~", "") == "abcd\x1b[A"


@pytest.mark.parametrize("lines", [2, PASTE_LINES + 2])
def test_a_paste_that_follows_lines_that_came_at_once_is_one_wherever_a_read_ends(lines: int) -> None:
    before, mark = "line\r" * lines, "\x1b[200~"
    for size in range(len(mark)):
        parser = InputParser()
        given = parser.feed(before + mark[:size])
        assert parser.gathering
        given += parser.feed(mark[size:] + "secret\x1b[201~")
        assert given == [Pasted(before, len(before)) if lines > PASTE_LINES else before, Pasted("secret", 6)], size


def test_what_does_not_become_a_mark_is_not_lost_of_lines_that_came_at_once() -> None:
    before = "line\r" * (PASTE_LINES + 2)
    for begun in ("\x1b", "\x1b[", "\x1b[2"):
        parser = InputParser()
        assert parser.feed(before + begun) == []
        assert parser.flush() == [Pasted(before, len(before)), begun], "a key was pressed, or is about to be"
        assert parser.feed("00~x\x1b[201~" if begun == "\x1b[2" else "A")[-1] in ("A", Pasted("x", 1))
        parser = InputParser()
        assert parser.feed("line\r" + begun) == []
        assert parser.flush() == ["line\r" + begun]
        parser = InputParser()
        assert parser.feed(before + begun) == []
        assert parser.feed("words and words") == []
        assert parser.flush() == [Pasted(whole := before + begun + "words and words", len(whole))]


def test_lines_that_come_at_once_are_a_paste() -> None:
    parser = InputParser()
    lines = "".join(f"line {number}\r" for number in range(20))
    assert parser.feed(lines[:100]) == []
    assert parser.gathering
    assert parser.feed(lines[100:] + "the end") == []
    assert parser.flush() == [Pasted(lines + "the end", len(lines) + 7)]
    assert not parser.gathering
    assert parser.flush() == []
    assert parser.feed("hello\rthere\r") == []
    assert parser.flush() == ["hello\rthere\r"]
    assert parser.feed("\r" * 20) == ["\r" * 20]
    assert parser.feed("\x1b[A\r" * 20) == ["\x1b[A\r" * 20]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_that_come_in_many_reads_are_one_paste(end: str) -> None:
    text = "".join(f"line {number}{end}" for number in range(7))
    for size in range(8, len(text)):
        parser = InputParser()
        assert [each for at in range(0, len(text), size) for each in parser.feed(text[at : at + size])] == []
        assert parser.flush() == [Pasted(text, len(text))]
    for count in range(1, PASTE_LINES + 1):
        few = "".join(f"line {number}{end}" for number in range(count))
        given = [each for at in range(0, len(few), 9) for each in parser.feed(few[at : at + 9])] + parser.flush()
        assert "".join(each for each in given if isinstance(each, str)) == few


def test_who_types_waits_for_nothing() -> None:
    parser = InputParser()
    for keys in ("h", "i", "\r", "ab", "\x1b[A", "\x1b[A\r", "\x7f\x7f\x7f", "\x03", "grüße"):
        assert parser.feed(keys) == [keys]
    for keys in ("x", "\x03", "\x1b[A", "\r", "\x7f\x7f\x7f\x7f"):  # a line and its end waits, until a key comes
        assert parser.feed("hi\r") == []
        assert parser.feed(keys) == ["hi\r", keys]
        assert not parser.gathering
    assert parser.feed("hi\r") == []
    assert parser.feed("\x1b[200~pasted\x1b[201~") == ["hi\r", Pasted("pasted", 6)]


def test_nothing_is_kept_of_a_paste_without_end() -> None:
    parser = InputParser()
    parser.feed("\x1b[200~")
    for _ in range(5):
        assert parser.feed("x" * (1 << 20)) == []
    assert sum(map(len, parser._parts)) <= PASTE_CHARS
    assert parser.feed("\x1b[201~y") == [Pasted("", 5 << 20), "y"]
