"""What a terminal sends, parted into keys and pastes. Pure; Textual's own parser takes the keys.

Textual's would take a paste apart where it finds an Escape in it, and type the rest, Enter and all; and what a terminal
without bracketed paste sends is Enter upon Enter. Whoever types sends a few characters at a time: a line and its end in
one read may be the first of many. It waits for a moment, and with what follows at once it is a paste, if it is many.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sandpiper.common.limits import PASTE_CHARS, PASTE_LINES

_BEGIN: Final = "\x1b[200~"
_END: Final = "\x1b[201~"
_LINE_END: Final = re.compile("\r\n|\r|\n")
_KEY: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TYPED_CHARS: Final = 2
"""In one read, of somebody who types."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A paste. Nothing of one that is too long is kept, but its length is."""

    text: str
    chars: int


class InputParser:
    """Parts input into keys and pastes. `gathering`: `flush` is to be called once nothing comes for a moment."""

    def __init__(self) -> None:
        self.gathering = False
        self._pasting = False
        self._tail = ""  # what may be the beginning of a mark: in a paste it has been kept back, else it has been used
        self._held = ""  # but of what has been gathered, the beginning of a mark of a paste is not yet
        self._parts: list[str] = []
        self._chars = self._lines = 0
        self._open = False  # what has been gathered does not end with a line's end

    def feed(self, text: str) -> list[str | Pasted]:
        """Takes what has been read, and returns in order text for the key parser, and pastes."""
        given: list[str | Pasted] = []
        while text:
            text = self._in_paste(text, given) if self._pasting else self._outside(text, given)
        return given

    def flush(self) -> list[str | Pasted]:
        """Ends the lines that came at once, when nothing follows them; returns them as typed if they are few."""
        if not self.gathering:
            return []
        many = self._many
        self.gathering = self._open = False
        self._lines = 0
        done, held, self._held = self._done(), self._held, ""
        if not many:
            return [done.text + held]
        return [done, held] if held else [done]

    def _outside(self, text: str, given: list[str | Pasted]) -> str:
        joined = self._tail + text
        at = joined.find(_BEGIN)
        if at < 0:
            self._tail = joined[1 - len(_BEGIN) :]
            self._typed(text, given)
            return ""
        before = at - len(self._tail)
        if before > 0:
            self._typed(text[:before], given)
        elif before < 0 and self._held:
            self._held = ""
        elif before < 0:  # the parser has the mark's beginning: it gets the rest, and at once the mark that ends it
            given.append(text[: before + len(_BEGIN)] + _END)
        given += self.flush()
        self._tail, self._pasting = "", True
        return joined[at + len(_BEGIN) :]

    def _in_paste(self, text: str, given: list[str | Pasted]) -> str:
        joined = self._tail + text
        at = joined.find(_END)
        if at < 0:
            self._keep(joined[: 1 - len(_END)])
            self._tail = joined[1 - len(_END) :]
            return ""
        self._keep(joined[:at])
        self._tail, self._pasting = "", False
        given.append(self._done())
        return joined[at + len(_END) :]

    def _typed(self, text: str, given: list[str | Pasted]) -> None:
        if self.gathering and not self._many and (len(text) <= _TYPED_CHARS or _KEY.search(text)):
            given += self.flush()
        if not self.gathering and not (_LINE_END.search(text) and _lines(text)):
            given.append(text)
            return
        self.gathering = True
        self._lines += _lines(text) - (self._open and text[0] not in "\r\n")
        self._open = text[-1] not in "\r\n"
        text = self._held + text
        self._held = _begun(text)
        self._keep(text[: len(text) - len(self._held)])

    @property
    def _many(self) -> bool:
        return self._lines > PASTE_LINES or self._chars > PASTE_CHARS

    def _keep(self, text: str) -> None:
        self._chars += len(text)
        if self._chars <= PASTE_CHARS:
            self._parts.append(text)
        else:
            self._parts.clear()

    def _done(self) -> Pasted:
        pasted = Pasted("".join(self._parts), self._chars)
        self._parts, self._chars = [], 0
        return pasted


def _begun(text: str) -> str:
    """Returns the end of `text` that may be the beginning of a paste's mark."""
    at = text.rfind("\x1b", 1 - len(_BEGIN))
    return text[at:] if at >= 0 and _BEGIN.startswith(text[at:]) else ""


def _lines(text: str) -> int:
    """Lines with something in them; an Escape begins keys."""
    return sum(1 for line in _LINE_END.split(text) if line and not line.startswith("\x1b"))
