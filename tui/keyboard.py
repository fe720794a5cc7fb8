"""Keys as terminals of all ages send them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from textual import _ansi_sequences as known
from textual.events import Key
from textual.keys import _character_to_key

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MODIFIERS: Final = frozenset(("alt", "ctrl", "meta", "super", "hyper"))
_LETTERS: Final = range(0x20, 0x530)
"""Latin, Greek, Cyrillic."""
_BEGIN_SEQUENCES: Final = "[O"
"""After an Escape, what most keys that are no character begin with."""
_MEANT_OTHERWISE: Final = "bf"
"""What some terminals send for Alt with an arrow, which goes by words."""


@dataclass(frozen=True, slots=True)
class AltKey:
    """Alt with a key that Textual's table lacks, or takes for a letter of a Macintosh."""

    value: str


def install_keys() -> None:
    """Teaches Textual Alt: without, Alt+Enter would be Enter, and send, and Alt+Z twice would type `^z`."""
    table = known.ANSI_SEQUENCES_KEYS
    for sequence, key in _SENT.items():
        table[sequence] = (key,)  # type: ignore[index]


def text_of(event: Key) -> str | None:
    """Returns the text that a key types; None for a key that types none, as with Alt or Ctrl.

    Everything but controls is text: joiners are, and what is newer than Python's tables, which call it unprintable.
    """
    char = event.character
    if not char or _CONTROL.search(char) or not _MODIFIERS.isdisjoint(event.key.split("+")[:-1]):
        return None
    return char


def _with_alt(char: str) -> AltKey:
    if char.isupper():
        return AltKey(f"alt+shift+{char.lower()}")
    return AltKey(f"alt+{char if char.isalnum() else _character_to_key(char)}")


_SENT: Final = {
    "\x1b\r": AltKey("alt+enter"),
    **{
        f"\x1b{char}": _with_alt(char)
        for char in map(chr, _LETTERS)
        if char.isprintable() and char not in _BEGIN_SEQUENCES + _MEANT_OTHERWISE
    },
}
