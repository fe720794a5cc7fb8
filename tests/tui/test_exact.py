"""What is entered is what is sent, whatever Unicode has: in the manner of its own test files, and of what is newer."""

from __future__ import annotations

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key, Paste

from sandpiper.common.sanitise import stand_ins
from sandpiper.tui import keyboard
from tests.tui.stage import Stage, play

EMOJI = (
    "\U0001f600",  # grinning face
    "\u263a\ufe0f",  # smiling face, with a selector
    "\u2764\ufe0f\u200d\U0001f525",  # heart on fire
    "\U0001f469\U0001f3fd\u200d\U0001f91d\u200d\U0001f468\U0001f3fb",  # two people holding hands
    "1\ufe0f\u20e3",  # keycap
    "\U0001f1e9\U0001f1ea",  # a flag of regional indicators
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # and one of tags
    "\U0001fa77",  # Unicode 15
    "\U0001fae9",  # 16
    "\U0001f6d8",  # 17
)
GRAPHEMES = (
    "\u1100\u1160\u11a8",  # Hangul jamo
    "\uac00\u11a8\u11a8",
    "\u0915\u094d\u200d\u0924",  # an Indic conjunct
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
    "a\u0308\u200d\u0308b",
    "\u0600\u0020",  # a sign that spans what follows
    "e\u0301\u0301\u0301",
    "\u200d\u00e9\ufe0f",
    "\U000113d1\U00011f02x",  # letters of Unicode 15 and 16
)
NORMALIZATION = (
    "\u1e0a\u0323",
    "D\u0307\u0323",
    "\u212b",
    "\uac01",
    "\u1100\u1161\u11a8",
    "\ufb01",
    "\u2126",
    "\u0340",
)
BIDI = (
    "\u202eabc\u202c",
    "\u2067\u05d0\u05d1\u2069 1-2",
    "\u200e\u200fa\u061c",
    "a\u2028b\u2029c",
    "\u202a\u2066x",
)
ODD = (
    "\u00ad\u200b\u2060\ufeff",
    "\u3164\u2800\u3000\u00a0",
    "\ufdd0\uffff\U0010fffe",
    "\ue0b0\U000f0001",  # private use
    "\u0378\U000e0000\U000e0fff",  # unassigned
    "a\tb  c",
)
TEXTS = EMOJI + GRAPHEMES + NORMALIZATION + BIDI + ODD


def test_what_is_pasted_is_sent_exactly_and_so_is_what_is_brought_back() -> None:
    async def scene(stage: Stage) -> None:
        for text in TEXTS:
            stage.app.composer.post_message(Paste(f"<{text}>"))
            await stage.press("enter")
        await stage.until(lambda: stage.room.posted == [f"<{text}>" for text in TEXTS])
        await stage.press("up", "enter")
        await stage.until(lambda: stage.room.posted[-2:] == [f"<{TEXTS[-1]}>"] * 2)
        stage.app.composer.post_message(Paste("".join(TEXTS)))
        await stage.press("home", "right", "backspace", "ctrl+underscore", "end", "left", "right", "enter")
        await stage.until(lambda: stage.room.posted[-1] == "".join(TEXTS))

    play(scene)


def test_what_is_typed_is_sent_exactly() -> None:
    keyboard.install_keys()

    async def scene(stage: Stage) -> None:
        texts = [text for text in TEXTS if "\t" not in text]
        for text in texts:
            for event in XTermParser().feed(f"<{text}>"):
                stage.app.post_message(event)
            await stage.press("enter")
        await stage.until(lambda: stage.room.posted == [f"<{text}>" for text in texts])

    play(scene)


@pytest.mark.parametrize(
    ("key", "character"), [("delete", "\x7f"), ("escape", "\x1b"), ("ctrl+@", "\0"), ("x", "\x9b"), ("y", "\ud800")]
)
def test_a_control_is_no_text(key: str, character: str) -> None:
    assert keyboard.text_of(Key(key, character)) is None


def test_what_is_painted_of_it_neither_turns_nor_hides_the_writing() -> None:
    async def scene(stage: Stage) -> None:
        stage.app.composer.set_text("pay \u202eeb ot\u2028x")
        await stage.shows("pay \ufffdeb ot\u2424x")
        assert stage.app.composer.text == "pay \u202eeb ot\u2028x"
        assert stage.app.composer.cursor_screen_offset.x - stage.app.composer.region.x == len("pay _eb ot_x")

    play(scene)


def test_stand_ins_are_as_many_as_what_they_stand_for() -> None:
    for text in TEXTS:
        assert len(stand_ins(text)) == len(text)
    for text in EMOJI + NORMALIZATION:
        assert stand_ins(text) == text
    assert stand_ins("\x1b[31m\u202e\u2066\U000e0041") == "\u241b[31m\ufffd\ufffd\ufffd"
