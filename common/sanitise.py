"""The one sanitiser for everything that a terminal shows, and the width of what it shows.

Text from others may hold what moves the cursor, changes the terminal's state, turns the writing's direction
or draws nothing at all. Here it is made visible where it could deceive and left out where it only shapes its
neighbours. An escape sequence needs no grammar: without its ESC (or C1) it is a few harmless letters, and the
reader sees them.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category

from sandpiper.common.limits import EMOJI_JOINS, ERROR_CHARS, MARKS_PER_CHARACTER, TAB_COLUMNS

UNKNOWN: Final = "\ufffd"
"""What stands for what may not be shown: C1, bidi controls, tags, private, unassigned, surrogates."""


def _span(*ranges: tuple[int, int]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in ranges for code in range(first, last + 1))


SHAPING: Final = _span(
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian selectors
    (0x200B, 0x200D),  # zero-width space, non-joiner, joiner
    (0x2060, 0x2060),  # word joiner
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xE0100, 0xE01EF),  # more variation selectors
)
"""Draws nothing and only shapes its neighbours: left out, unless it holds an emoji together."""

BLANK: Final = _span(
    (0x115F, 0x1160),  # Hangul fillers
    (0x2800, 0x2800),  # the empty Braille pattern
    (0x3164, 0x3164),
    (0xFFA0, 0xFFA0),
    (0x1D159, 0x1D159),  # the null note head
)
"""Letters and symbols by category that draw nothing."""

_JAMO: Final = _span((0x1161, 0x11FF), (0xD7B0, 0xD7FF))  # letters that stack like marks
_ODD: Final = SHAPING | BLANK | _JAMO
_MARKS: Final = frozenset(("Mn", "Mc", "Me"))
_STAND_INS: Final[dict[str, str]] = {
    **dict.fromkeys(SHAPING, ""),
    **dict.fromkeys(BLANK, UNKNOWN),
    **{chr(code): chr(0x2400 + code) for code in range(0x20)},
    "\t": " " * TAB_COLUMNS,
    "\x7f": "\u2421",
    "\u2028": "\u2424",
    "\u2029": "\u2424",
    "\u2800": " ",  # Braille pictures are full of it
    "\u3000": "  ",
}
_NOTHING: Final = "\u25cc"  # the dotted circle, on which a mark stands that has no character of its own
_LINE_END: Final = re.compile("\r\n|[\n\u2028\u2029]")
_EMOJI: Final = re.compile(
    "({0}(?:\u200d{0}){{0,{1}}})".format(
        "[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
        "[\U0001f3fb-\U0001f3ff]?[\ufe0e\ufe0f]?",
        EMOJI_JOINS,
    )
)


def printable(text: str, *, newlines: bool = False) -> str:
    """`text` as a terminal may show it: one line, or as many as it has with `newlines`.

    What comes out holds nothing but characters that draw something, spaces, and (with `newlines`) line feeds,
    so it neither moves the cursor nor hides anything; going through again changes nothing. Controls become
    their pictures, what could deceive becomes U+FFFD, a tab becomes spaces.
    """
    if newlines:
        return "\n".join(map(printable, _LINE_END.split(text)))
    if text.isprintable():
        if text.isascii():
            return text
        kinds = set(text)
        if _ODD.isdisjoint(kinds) and _MARKS.isdisjoint(map(category, kinds)):
            return text
    return _rewritten(text)


def _rewritten(text: str) -> str:
    shown: list[str] = []
    marks = 0
    for index, part in enumerate(_EMOJI.split(text)):
        if index % 2 and part.replace("\u200d", "").isprintable():
            shown.append(part)
            marks = 0
            continue
        for char in part:
            drawn = _drawn(char)
            if not drawn:
                continue
            if drawn in _JAMO or category(drawn[0]) in _MARKS:
                marks += 1
                if marks > MARKS_PER_CHARACTER:
                    continue
                if not shown:
                    shown.append(_NOTHING)
            else:
                marks = 0
            shown.append(drawn)
    return "".join(shown)


def _drawn(char: str) -> str:
    stand_in = _STAND_INS.get(char)
    if stand_in is not None:
        return stand_in
    kind = category(char)
    if kind == "Zs":
        return " "
    return UNKNOWN if kind[0] == "C" else char


def complaint(error: Exception) -> str:
    """What a decoder says is wrong, in one short line: it quotes the sender, who may write anything."""
    text = printable(str(error)[: ERROR_CHARS + 1])
    return text if len(text) <= ERROR_CHARS else text[: ERROR_CHARS - 1] + "…"


def width(text: str) -> int:
    """Columns that one line takes. What is not printable counts as `printable` would show it."""
    if text.isascii() and text.isprintable():
        return len(text)
    from wcwidth import wcswidth  # its tables take 40 ms to load, and most text is ASCII

    columns = wcswidth(text)
    return columns if columns >= 0 else max(0, wcswidth(printable(text)))


def clip(text: str, columns: int) -> str:
    """One printable line, cut to at most `columns` columns with an ellipsis. Never cuts inside an emoji."""
    if width(text) <= columns:
        return text
    if columns < 1:
        return ""
    if text.isascii():
        return text[: columns - 1] + "…"
    from wcwidth import wcwidth

    used = end = 0
    for index, char in enumerate(text):
        # A selector or a spacing mark may widen what it follows; joined parts count in full, for terminals that
        # cannot join.
        widens = char == "\ufe0f" or category(char) == "Mc"
        taken = 1 if widens else max(0, wcwidth(char))
        if taken and not widens and text[index - 1] != "\u200d":
            if used > columns - 1:
                break
            end = index
        used += taken
    return text[:end] + "…"
