"""Keys as terminals of all ages send them."""

from __future__ import annotations

from enum import Enum
from typing import Final

from textual import _ansi_sequences as known


class Meta(str, Enum):
    """Alt with a key that Textual's table lacks, or takes for a letter of a Macintosh."""

    ENTER = "alt+enter"
    ONE = "alt+1"
    TWO = "alt+2"
    THREE = "alt+3"
    FOUR = "alt+4"
    FIVE = "alt+5"
    SIX = "alt+6"
    SEVEN = "alt+7"
    EIGHT = "alt+8"
    NINE = "alt+9"


_SENT: Final = {"\x1b\r": Meta.ENTER, **{f"\x1b{number}": key for number, key in enumerate(list(Meta)[1:], 1)}}


def teach() -> None:
    """Teaches Textual these keys: without, Alt+Enter would be Enter, and send."""
    table = known.ANSI_SEQUENCES_KEYS
    for sequence, key in _SENT.items():
        table[sequence] = (key,)  # type: ignore[index]
