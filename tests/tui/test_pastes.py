from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from textual.events import Paste

from sandpiper.common.limits import PASTE_CHARS
from sandpiper.tui.pasting import TooMuch
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
