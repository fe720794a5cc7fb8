"""Lines of text that fit a message each: one that is too long comes in pieces.

Each piece but the last ends with CONTINUED, and each but the first begins with it; without these marks the pieces are
the line, character for character. No piece parts a character from its marks.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from unicodedata import category

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import CLUSTER_CHARS, TEXT_BYTES
from sandpiper.common.lines import TooLong

CONTINUED: Final = "\u2026"
_MARK_BYTES: Final = len(CONTINUED.encode())
_JOINER: Final = "\u200d"


def check_text(text: str) -> None:
    """Raises Refusal for a text that does not fit one message; what cannot be encoded is others' to refuse."""
    size = _size(text)
    if size > TEXT_BYTES:
        raise Refusal(Code.TOO_LARGE, f"a message has at most {TEXT_BYTES:,} bytes of text, this one {size:,}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One message's text, and the number of the line that it is or is of, from 1."""

    text: str
    line: int


class PieceReader:
    """Bytes in, pieces of at most `limit` bytes out. Holds no more of a line than that, however long it is.

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
        """What `data` completes, without line ends."""
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
        return len(self._held) * 4 <= room or _size(self._held.removesuffix("\r")) <= room

    def _cut(self) -> Piece:
        begin = CONTINUED if self._continued else ""
        room = self._limit - _MARK_BYTES - len(begin.encode())
        at = _boundary(self._held, len(self._held[:room].encode()[:room].decode("utf-8", "ignore")))
        piece = Piece(begin + self._held[:at] + CONTINUED, self._line)
        self._held, self._continued = self._held[at:], True
        return piece


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _boundary(text: str, at: int) -> int:
    """The last place up to `at` where nothing is torn apart; `at` itself where there is none near."""
    for place in range(at, max(at - CLUSTER_CHARS, 0), -1):
        if text[place - 1] != _JOINER and not _leans(text[place]):
            return place
    return at


def _leans(character: str) -> bool:
    """Whether a character belongs to the one before it: marks, joiners, selectors, tones of skin."""
    return (
        category(character) in ("Mn", "Mc", "Me") or character == _JOINER or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
