from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from textual.events import Paste

from sandpiper.common.limits import DRAFT_BYTES, DRAFT_CHARS, PASTE_CHARS, PASTE_LINES
from sandpiper.tui.input_parser import InputParser, Pasted
from sandpiper.tui.pasting import TooMuch
from sandpiper.tui.pieces import pieces
from tests.tui.stage import Stage, play


def test_a_paste_that_is_longer_than_a_message_is_sent_in_pieces() -> None:
    async def scene(stage: Stage) -> None:
        stage.app.composer.post_message(Paste("x" * 1_000_000))
        await stage.shows("1 line, 1,000,000 characters", "in 63 messages?")
        await stage.press("enter")
        await stage.until(lambda: "".join(stage.room.posted) == "x" * 1_000_000)
        assert len(stage.room.posted) == 63
        await stage.types("draft")
        text = "\n".join(["word " * 15] * 13_500)
        stage.app.composer.post_message(Paste(text))
        await stage.shows("13,500 lines, 1,025,999 characters")
        stage.room.posted.clear()
        await stage.press("enter")
        await stage.until(lambda: "\n".join(stage.room.posted) == text)
        assert stage.app.composer.text == "draft"

    play(scene)


def test_what_is_too_long_in_octets_is_offered_in_pieces_too() -> None:
    async def scene(stage: Stage) -> None:
        text = "\U0001f600" * 15_000
        stage.app.composer.post_message(Paste(text))
        await stage.shows("1 line, 15,000 characters", "More than one message holds")
        await stage.press("escape")
        stage.app.composer.set_text(text)
        await stage.press("enter")
        await stage.shows("More than one message holds")
        await stage.press("escape")
        assert stage.app.composer.text == text
        await stage.press("enter")
        await stage.shows("More than one message holds")
        await stage.press("enter")
        await stage.until(lambda: "".join(stage.room.posted) == text)
        assert stage.app.composer.text == ""

    play(scene)


@pytest.mark.parametrize("no", ["ctrl+c", "ctrl+d", "escape", "x"])
def test_a_paste_that_is_not_wanted_is_gone_and_one_is_still_there(no: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.types("draft")
        stage.app.composer.post_message(Paste("y" * 40_000))
        await stage.shows("in 3 messages?")
        await stage.press(no)
        await stage.hides("messages?")
        assert stage.app.composer.text == ("draftx" if no == "x" else "draft")
        assert not stage.room.posted
        assert not stage.app.leaving

    play(scene)


@pytest.mark.parametrize("begin", ["ctrl+f", "ctrl+r", "alt+c"])
def test_ctrl_c_ends_a_search_and_not_the_chat(begin: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.enters("one")
        await stage.press(begin)
        await stage.until(lambda: stage.app.modes)
        await stage.press("ctrl+c")
        assert not stage.app.modes
        assert not stage.app.leaving

    play(scene)


def test_a_second_paste_is_added_to_the_one_that_is_asked_about() -> None:
    async def scene(stage: Stage) -> None:
        first, second = "".join(f"a {n}\n" for n in range(9)), "and\nmore"
        stage.app.composer.post_message(Paste(first))
        await stage.shows("Paste 9 lines")
        stage.app.composer.post_message(Paste(second))
        await stage.shows("Paste 11 lines")
        await stage.press("enter")
        assert stage.app.composer.text == first + second
        stage.app.composer.set_text("")
        stage.app.composer.post_message(Paste(first))
        stage.app.composer.post_message(Paste("z" * 20_000))
        await stage.shows("in 2 messages?")
        stage.app.composer.post_message(Paste("z" * PASTE_CHARS))
        await stage.shows("is not taken: 4,194,304")
        stage.app.composer.post_message(TooMuch(9_999_999))
        await stage.shows("A paste of 9,999,999 characters is not taken")
        assert stage.app.composer.text == ""

    play(scene)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "x" * 50_000,
        "\U0001f600" * 20_000,
        "line of words\n" * 5000 + "the last",
        "words without an end " * 3000,
        "e\u0301" * 20_000,
        "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 5000,
        "\n" * 40_000 + "x",
        "\u0301" * 40_000,
    ],
)
def test_pieces_are_the_text_and_each_fits(text: str) -> None:
    found = pieces(text)
    assert all(len(piece) <= DRAFT_CHARS and len(piece.encode()) <= DRAFT_BYTES for piece in found)
    left = text
    for piece in found:
        before, piece_, left = left.partition(piece)
        assert piece_ == piece
        assert not before.strip()
    assert not left.strip()


def test_pieces_part_no_letter_from_its_marks() -> None:
    assert all(piece.startswith("e") for piece in pieces("e\u0301" * 8001 + "e" + "\u0301e" * 20_000))
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    assert all(piece.startswith(family) for piece in pieces(family * 5000))
    flag = "\U0001f1e9\U0001f1ea"
    assert all(len(piece) % 2 == 0 for piece in pieces(flag * 20_000))
    assert not any(piece.startswith("\u0301") for piece in pieces("word \u0301" * 9000))
    assert list(map(len, pieces("\ue000" * 2 * DRAFT_CHARS))) == [DRAFT_CHARS] * 2, "a private character stands alone"


def test_a_paste_is_one_wherever_a_read_ends() -> None:
    sent = "ab\x1b[200~one\x1b[31m\rtwo\x00 \x1b[20\r\x1b[201~cd\x1b[A"
    for size in range(1, len(sent) + 1):
        intake = InputParser()
        given = [each for at in range(0, len(sent), size) for each in intake.feed(sent[at : at + size])]
        pastes = [each for each in given if isinstance(each, Pasted)]
        text = "one\x1b[31m\rtwo\x00 \x1b[20\r"
        assert pastes == [Pasted(text, len(text))]
        keys = "".join(each for each in given if isinstance(each, str))
        assert keys.replace("\x1b[200~\x1b[201~", "") == "abcd\x1b[A"


@pytest.mark.parametrize("lines", [2, PASTE_LINES + 2])
def test_a_paste_that_follows_lines_that_came_at_once_is_one_wherever_a_read_ends(lines: int) -> None:
    before, mark = "line\r" * lines, "\x1b[200~"
    for size in range(len(mark)):
        intake = InputParser()
        given = intake.feed(before + mark[:size])
        assert intake.gathering
        given += intake.feed(mark[size:] + "secret\x1b[201~")
        assert given == [Pasted(before, len(before)) if lines > PASTE_LINES else before, Pasted("secret", 6)], size


def test_what_does_not_become_a_mark_is_not_lost_of_lines_that_came_at_once() -> None:
    before = "line\r" * (PASTE_LINES + 2)
    for begun in ("\x1b", "\x1b[", "\x1b[2"):
        intake = InputParser()
        assert intake.feed(before + begun) == []
        assert intake.flush() == [Pasted(before, len(before)), begun], "a key was pressed, or is about to be"
        assert intake.feed("00~x\x1b[201~" if begun == "\x1b[2" else "A")[-1] in ("A", Pasted("x", 1))
        intake = InputParser()
        assert intake.feed("line\r" + begun) == []
        assert intake.flush() == ["line\r" + begun]
        intake = InputParser()
        assert intake.feed(before + begun) == []
        assert intake.feed("words and words") == []
        assert intake.flush() == [Pasted(whole := before + begun + "words and words", len(whole))]


def test_lines_that_come_at_once_are_a_paste() -> None:
    intake = InputParser()
    lines = "".join(f"line {number}\r" for number in range(20))
    assert intake.feed(lines[:100]) == []
    assert intake.gathering
    assert intake.feed(lines[100:] + "the end") == []
    assert intake.flush() == [Pasted(lines + "the end", len(lines) + 7)]
    assert not intake.gathering
    assert intake.flush() == []
    assert intake.feed("hello\rthere\r") == []
    assert intake.flush() == ["hello\rthere\r"]
    assert intake.feed("\r" * 20) == ["\r" * 20]
    assert intake.feed("\x1b[A\r" * 20) == ["\x1b[A\r" * 20]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_that_come_in_many_reads_are_one_paste(end: str) -> None:
    text = "".join(f"line {number}{end}" for number in range(7))
    for size in range(8, len(text)):
        intake = InputParser()
        assert [each for at in range(0, len(text), size) for each in intake.feed(text[at : at + size])] == []
        assert intake.flush() == [Pasted(text, len(text))]
    for count in range(1, PASTE_LINES + 1):
        few = "".join(f"line {number}{end}" for number in range(count))
        given = [each for at in range(0, len(few), 9) for each in intake.feed(few[at : at + 9])] + intake.flush()
        assert "".join(each for each in given if isinstance(each, str)) == few


def test_who_types_waits_for_nothing() -> None:
    intake = InputParser()
    for keys in ("h", "i", "\r", "ab", "\x1b[A", "\x1b[A\r", "\x7f\x7f\x7f", "\x03", "grüße"):
        assert intake.feed(keys) == [keys]
    for keys in ("x", "\x03", "\x1b[A", "\r", "\x7f\x7f\x7f\x7f"):  # a line and its end waits, until a key comes
        assert intake.feed("hi\r") == []
        assert intake.feed(keys) == ["hi\r", keys]
        assert not intake.gathering
    assert intake.feed("hi\r") == []
    assert intake.feed("\x1b[200~pasted\x1b[201~") == ["hi\r", Pasted("pasted", 6)]


def test_nothing_is_kept_of_a_paste_without_end() -> None:
    intake = InputParser()
    intake.feed("\x1b[200~")
    for _ in range(5):
        assert intake.feed("x" * (1 << 20)) == []
    assert sum(map(len, intake._parts)) <= PASTE_CHARS
    assert intake.feed("\x1b[201~y") == [Pasted("", 5 << 20), "y"]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
@pytest.mark.parametrize("marked", [True, False])
def test_a_terminal_pastes(tmp_path: Path, marked: bool) -> None:
    from tests.tui.window import SCRIPT, Window

    window = Window("-c", SCRIPT, str(tmp_path))
    try:
        window.until(b"in lobby as anna")
        text = b"".join(b"line %d \x1b[31m and some words that go on\r" % number for number in range(60))
        if not marked:
            text = text.replace(b"\x1b[31m", b"")
        sent = b"\x1b[200~%b\x1b[201~" % text if marked else text
        for at in range(0, len(sent), 40):
            os.write(window.master, sent[at : at + 40])
        window.shows("Paste 60 lines")
        window.types(b"\x03")
        window._until(lambda: "Paste 60" not in window.text, "no question")
        window.types(b"still here\r")
        window.shows("still here ✓")
    finally:
        window.close()
