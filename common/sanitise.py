"""The one sanitiser for everything that a terminal shows, and the width of what it shows.

Text from others may hold what moves the cursor, changes the terminal's state, turns the writing's direction
or carries what nobody sees. That is made visible, or left out where it only shapes its neighbours and none stands
there. An escape sequence needs no grammar: without its ESC (or C1) it is a few harmless letters, and the reader sees
them.

The rules go by ranges and properties that Unicode has promised to keep. Of a character that is newer than Python's
tables nothing is known, and that is no harm: it is shown, for the terminal's font may have it.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category

from sandpiper.common.limits import EMOJI_JOINS, ERROR_CHARS, MARKS_PER_CHARACTER, TAB_COLUMNS

UNKNOWN: Final = "\ufffd"
"""What stands for what may not be shown: C1, bidi controls, tags, surrogates, noncharacters."""


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
"""Draws nothing and only shapes its neighbours: left out, but for the next two sets where their neighbour is."""

_JOINERS: Final = frozenset("\u034f\u200c\u200d")
"""Persian, the scripts of India, pointed Hebrew spell with these: kept, one at a time, after a letter or its marks."""

_SELECTORS: Final = _span((0x180B, 0x180D), (0x180F, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
"""Choose a glyph for the character before: kept, one at a time. In a row they would be a hidden text."""

BLANK: Final = _span(
    (0x115F, 0x1160),  # Hangul fillers
    (0x2800, 0x2800),  # the empty Braille pattern
    (0x3164, 0x3164),
    (0xFFA0, 0xFFA0),
    (0x1D159, 0x1D159),  # the null note head
)
"""Letters and symbols by category that draw nothing."""

_JAMO: Final = _span((0x1161, 0x11FF), (0xD7B0, 0xD7FF))  # letters that stack like marks
_HIEROGLYPH_JOINERS: Final = _span((0x13430, 0x1345F))
_STACKING: Final = _JAMO | _HIEROGLYPH_JOINERS
_DRAWN_FORMATS: Final = _HIEROGLYPH_JOINERS | _span(
    (0x0600, 0x0605), (0x06DD, 0x06DD), (0x070F, 0x070F), (0x0890, 0x0891), (0x08E2, 0x08E2),
    (0x110BD, 0x110BD), (0x110CD, 0x110CD),
)  # fmt: skip
"""Format characters by category that draw something: a sign that spans the digits behind it, mostly."""
_RESERVED: Final = _span((0x2065, 0x2065), (0xFDD0, 0xFDEF), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF)) | frozenset(
    chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)
"""Unassigned, and for good: noncharacters, and what is kept free for characters that draw nothing."""
_ODD: Final = SHAPING | BLANK | _STACKING
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
_PICTOGRAPH: Final = (
    "[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff][\U0001f3fb-\U0001f3ff]?[\ufe0e\ufe0f]?"
)
_REGION: Final = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
"""The flag of a part of a country, spelt in tags."""
_EMOJI: Final = re.compile(f"({_REGION}|{_PICTOGRAPH}(?:\u200d{_PICTOGRAPH}){{0,{EMOJI_JOINS}}})")


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
    for index, part in enumerate(_EMOJI.split(text)):
        if index % 2:
            shown.append(part)
        else:
            _append(shown, part)
    return "".join(shown)


def _append(shown: list[str], text: str) -> None:
    """Adds what may be shown of a text without emoji. Each character bears a bounded number of marks."""
    marks = 0
    letter = joined = False  # what the character before is, and has had
    bearing = bool(shown)  # whether there is one that a selector could be for
    selected = bearing and shown[-1][-1] in _SELECTORS
    for char in text:
        if char in _JOINERS:
            if letter and not joined:
                shown.append(char)
                joined = True
            continue
        if char in _SELECTORS:
            if bearing and not selected:
                shown.append(char)
                selected = True
            continue
        drawn = _drawn(char)
        if not drawn:
            continue
        if _stacks(drawn[0]):
            marks += 1
            if marks > MARKS_PER_CHARACTER:
                continue
            if not shown:
                shown.append(_NOTHING)
            letter = bearing = True
            joined = False
        else:
            marks = 0
            selected = joined = False
            letter = drawn[0].isalpha()
            bearing = drawn[0] != " "
        shown.append(drawn)


def _stacks(char: str) -> bool:
    """Whether it draws over, under or into the character before."""
    if char in _STACKING:
        return True
    kind = category(char)
    return kind in _MARKS or (kind == "Cn" and width(char) == 0)


def _drawn(char: str) -> str:
    stand_in = _STAND_INS.get(char)
    if stand_in is not None:
        return stand_in
    kind = category(char)
    if kind == "Zs":
        return " "
    if kind[0] != "C" or kind == "Co" or char in _DRAWN_FORMATS:
        return char
    return char if kind == "Cn" and char not in _RESERVED else UNKNOWN


def stand_ins(text: str) -> str:
    """`text` with as many characters as it has, and of them those that may be shown in a line.

    For an input, which holds what is to be sent and paints something else where that would move the cursor, turn the
    writing or hide. What only shapes its neighbours stays: it takes no column, and terminals know what to do with it.
    """
    if text.isascii() and (text.isprintable() or text.replace("\t", "").isprintable()):
        return text
    parts = _EMOJI.split(text)
    parts[::2] = ["".join(map(_stand_in, part)) for part in parts[::2]]
    return "".join(parts)


def _stand_in(char: str) -> str:
    if char in SHAPING or char == "\t" or (char.isprintable() and char not in BLANK):
        return char
    shown = _drawn(char)
    return shown if len(shown) == 1 else char


def complaint(error: Exception) -> str:
    """A decoder's complaint in one short line: it quotes the sender, who may write anything."""
    return quoted(str(error))


def quoted(text: str) -> str:
    """What somebody else says, in one short line: it may be of any length, and say anything."""
    text = printable(text[: ERROR_CHARS + 1])
    return text if len(text) <= ERROR_CHARS else text[: ERROR_CHARS - 1] + "…"


def width(text: str) -> int:
    """Columns that one line takes. What is not printable counts as `printable` would show it."""
    if text.isascii() and text.isprintable():
        return len(text)
    from wcwidth import wcswidth  # its tables take 40 ms to load, and most text is ASCII

    columns = wcswidth(text)
    return columns if columns >= 0 else max(0, wcswidth(printable(text)))


def clip(text: str, columns: int) -> str:
    """Makes `text` one printable line, cut to at most `columns` columns with an ellipsis.

    Never cuts inside an emoji.
    """
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
