"""Lines of text that fit a message each: one that is too long comes in pieces.

Each piece but the last ends with CONTINUED, and each but the first begins with it; without these marks the pieces are
the line, character for character. No piece parts a character from its marks.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from unicodedata import category, combining

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import CLUSTER_CHARS, TEXT_BYTES
from sandpiper.common.lines import TooLong

CONTINUED: Final = "\u2026"
MOST_BYTES: Final = 4
"""No character takes more than that, so that a text so much shorter than the limit is not measured."""
_MARK_BYTES: Final = len(CONTINUED.encode())
_JOINER: Final = "\u200d"
_VIRAMA: Final = 9
"""The combining class of all of them."""
_MARKS: Final = ("Mn", "Mc", "Me")
"""Variation selectors and the keycap are among them."""
_LEANING: Final = (
    ("\u200c", _JOINER),
    ("\u1160", "\u11ff"),  # vowels and finals of Korean syllables
    ("\ud7b0", "\ud7fb"),
    ("\uff9e", "\uff9f"),  # the voiced sound marks of half the width
    ("\U0001f3fb", "\U0001f3ff"),  # tones of skin
    ("\U000e0020", "\U000e007f"),  # tags, which spell the flags of England, Scotland and Wales
)


def check_text(text: str) -> None:
    """Raises Refusal for a text that does not fit one message; what cannot be encoded is others' to refuse."""
    size = _size(text)
    if size > TEXT_BYTES:
        raise Refusal(Code.TOO_LARGE, f"a message has at most {TEXT_BYTES:,} bytes of text, this one {size:,}")


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of a message, and the number of the line that it is or is of, from 1."""

    text: str
    line: int


class PieceReader:
    """A reader of pieces: bytes in, pieces of at most `limit` bytes out.

    Holds no more of a line than that, however long it is.

    A line that must stay `whole` is passed over, with a TooLong in its place.
    """

    def __init__(self, whole: Callable[[str], bool] = lambda line: False, limit: int = TEXT_BYTES) -> None:
        self._whole = whole
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._line = 1
        self._continued = self._skipping = False

    @property
    def unfinished(self) -> bool:
        """Whether part of a line is waiting for the rest."""
        return bool(self._held or self._decoder.getstate()[0]) or self._continued or self._skipping

    def feed(self, data: bytes) -> Iterator[Piece | TooLong]:
        """Returns the pieces that `data` completes, without line ends."""
        *complete, rest = self._decoder.decode(data).split("\n")
        for part in complete:
            yield from self._add(part)
            yield from self._end()
        yield from self._add(rest)

    def _add(self, text: str) -> Iterator[Piece | TooLong]:
        if self._skipping:
            return
        self._held += text
        while not self._fits():
            if not self._continued and self._whole(self._held):
                self._held, self._skipping = "", True
                yield TooLong(self._line)
                return
            yield self._cut()

    def _end(self) -> Iterator[Piece]:
        if not self._skipping:
            begin = CONTINUED if self._continued else ""
            yield Piece(begin + self._held.rstrip("\r"), self._line)
        self._held = ""
        self._line += 1
        self._continued = self._skipping = False

    def _fits(self) -> bool:
        room = self._limit - (_MARK_BYTES if self._continued else 0)
        return len(self._held) * MOST_BYTES <= room or _size(self._held.removesuffix("\r")) <= room

    def _cut(self) -> Piece:
        begin = CONTINUED if self._continued else ""
        room = self._limit - _MARK_BYTES - len(begin.encode())
        at = boundary(self._held, 0, len(self._held[:room].encode()[:room].decode("utf-8", "ignore")))
        piece = Piece(begin + self._held[:at] + CONTINUED, self._line)
        self._held, self._continued = self._held[at:], True
        return piece


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def boundary(text: str, start: int, end: int) -> int:
    """The last place after `start`, up to `end`, where nothing is torn apart; `end` itself where there is none near.

    `start` is such a place, and `end` not the end of the text.
    """
    for at in range(end, max(end - CLUSTER_CHARS, start), -1):
        if not (_holds(text[at - 1]) or _leans(text[at]) or _is_second_of_a_flag(text, start, at)):
            return at
    return end


def _holds(character: str) -> bool:
    """Whether the next character belongs to it: a joiner, or a virama, which joins two consonants."""
    return character == _JOINER or combining(character) == _VIRAMA


def _leans(character: str) -> bool:
    """Whether it belongs to the character before it, as extended grapheme clusters have it (UAX #29)."""
    return category(character) in _MARKS or any(first <= character <= last for first, last in _LEANING)


def _is_second_of_a_flag(text: str, start: int, at: int) -> bool:
    """Two regional indicators are a flag: in a row of them every second one belongs to the one before it."""
    if not _is_regional(text[at]):
        return False
    first = at
    while first > start and _is_regional(text[first - 1]):
        first -= 1
    return (at - first) % 2 == 1


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
