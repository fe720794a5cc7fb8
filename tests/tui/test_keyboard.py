from __future__ import annotations

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key

from sandpiper.tui import keyboard


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("\x1b\r", "alt+enter"),
        ("\x1b[13;3u", "alt+enter"),
        ("\x1b[13;2u", "shift+enter"),
        ("\n", "ctrl+j"),
        ("\x1b1", "alt+1"),
        ("\x1b9", "alt+9"),
        ("\x1b[1;3A", "alt+up"),
        ("\x1bm", "alt+m"),
    ],
)
def test_what_terminals_send_for_a_key(sent: str, key: str) -> None:
    keyboard.install_keys()
    parser = XTermParser()
    events = [*parser.feed(sent), *parser.tick(), *parser.feed("")]
    assert key in [event.key for event in events if isinstance(event, Key)]


@pytest.mark.parametrize("char", [*map(chr, set(range(0x20, 0x7F)) - set(b"[O")), "é", "ß", "Я", "я", "λ"])
def test_alt_with_a_character_types_nothing(char: str) -> None:
    keyboard.install_keys()
    parser = XTermParser()
    keys = [event for event in parser.feed(f"\x1b{char}\x1b{char}") if isinstance(event, Key)]
    assert len(keys) == 2  # at once, so that a fast second one does not break the first in two
    assert [keyboard.text_of(event) for event in keys] == [None, None]


@pytest.mark.parametrize(
    ("key", "character", "text"),
    [
        ("a", "a", "a"),
        ("plus", "+", "+"),
        ("A", "A", "A"),
        ("space", " ", " "),
        ("alt+z", "z", None),
        ("alt+shift+z", "Z", None),
        ("alt+ö", "ö", None),
        ("ctrl+e", "e", None),
        ("enter", "\r", None),
        ("left", None, None),
    ],
)
def test_text_is_what_is_printable_and_typed_without_alt_or_ctrl(
    key: str, character: str | None, text: str | None
) -> None:
    assert keyboard.text_of(Key(key, character)) == text
