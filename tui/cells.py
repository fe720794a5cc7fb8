"""The cells of a terminal, and the escape sequences that write them, given where the cursor is and its style."""

from __future__ import annotations

from typing import Final, NamedTuple

SIMPLE: Final = frozenset("123")
"""Bold, dim and italic: not to be seen on a blank."""
_ENDS: Final = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "9": "29", "21": "24"}
_ERASED_AT_END: Final = 4
_ERASED_WITHIN: Final = 13
"""Blanks from which erasing them is shorter."""
_WIDE_LETTERS: Final = (range(0x1100, 0x1160), range(0x2E80, 0xA4D0), range(0xAC00, 0xD7A4), range(0xFF00, 0xFFE7))
"""What is two cells wide for all terminals alike. Of emoji, and of what is put together, each has its own opinion."""

_ICONS: Final = (range(0xE000, 0xF900), range(0x1F000, 0x20000), range(0xF0000, 0x110000))
"""Narrow by our table: pictures, of which the newest are wide for some, and what fonts have of their own."""


class Ink(NamedTuple):
    """The style of a cell, in the terminal's own numbers; None for what makes no difference, as on a blank."""

    front: str | None = ""
    back: str = ""
    marks: frozenset[str] | None = frozenset()
    link: str = ""


BLANK: Final = Ink(None, "", None)


class CellRow:
    """Cells: what each shows (nothing in the right half of what is two cells wide; None is unknown), and its ink."""

    __slots__ = ("inks", "texts")

    def __init__(self, width: int, *, known: bool) -> None:
        self.texts: list[str | None] = [" " if known else None] * width
        self.inks: list[Ink] = [BLANK] * width

    def copy(self) -> CellRow:
        """Returns a copy."""
        row = CellRow(0, known=False)
        row.texts, row.inks = self.texts.copy(), self.inks.copy()
        return row


class CellWriter:
    """The terminal's cursor and style, as far as they are known. Writing changes them, and says only what differs."""

    __slots__ = ("_at", "_ink", "_link", "erases")

    def __init__(self, *, erases: bool = False) -> None:
        self.erases = erases
        """Whether what the terminal erases gets the background that is set."""
        self._at: tuple[int, int] | None = None
        self._ink: Ink | None = None
        self._link = ""

    def copy(self) -> CellWriter:
        """Returns a copy."""
        cell_writer = CellWriter(erases=self.erases)
        cell_writer._at, cell_writer._ink, cell_writer._link = self._at, self._ink, self._link
        return cell_writer

    def move(self, x: int, y: int) -> str:
        """Moves the cursor to a cell."""
        if self._at == (x, y):
            return ""
        at, self._at = self._at, (x, y)
        if at is not None and at[1] == y:
            step = x - at[0]
            return f"\x1b[{step}C" if 0 < step < 10 else f"\x1b[{x + 1}G"
        return f"\x1b[{y + 1};{x + 1}H"

    def scroll(self, low: int, high: int, count: int) -> str:
        """Rows from `low` on and before `high` go up by `count`, or down: as lines that are deleted, or inserted."""
        self._at = None
        verb = "M" if count > 0 else "L"
        begin = "" if self._ink is not None and not self._ink.back else "\x1b[0m"
        if begin:
            self._ink = Ink()
        return f"{begin}\x1b[{low + 1};{high}r\x1b[{low + 1};1H\x1b[{abs(count)}{verb}\x1b[r"

    def write(self, x: int, y: int, row: CellRow, end: int, width: int) -> str:
        """The cells of a row from x up to `end`."""
        out = [self.move(x, y)]
        ink: Ink | None = None
        while x < end:
            text = row.texts[x]
            if row.inks[x] is not ink:
                ink = row.inks[x]
                out.append(self._dip(ink))
            assert text is not None
            if self.erases and text == " " and ink.front is None and (stretch := _stretch(row, x, end)):
                out.append(self._erase(x, y, stretch, end, width))
                x += stretch
                continue
            wide = x + 1 < end and row.texts[x + 1] == ""
            if is_doubtful(text, wide=wide):
                # A terminal that thinks it narrower leaves what was there before, and its cursor is elsewhere then.
                out.append(" " * (1 + wide) + f"\x1b[{x + 1}G" + text)
                x += 1 + wide
                self._at = None
                if x < end:
                    out.append(f"\x1b[{x + 1}G")
                continue
            out.append(text)
            x += 1 + wide
            self._at = (x, y) if x < width else None  # at the edge a cursor waits in a way of its own
        return "".join(out)

    def _erase(self, x: int, y: int, count: int, end: int, width: int) -> str:
        """Erases so many cells; the cursor stands behind them then, unless nothing more is written there."""
        self._at = (x, y)
        begin = "\x1b[K" if x + count == width else f"\x1b[{count}X"
        return begin if x + count == end else begin + self.move(x + count, y)

    def _dip(self, ink: Ink) -> str:
        """Writes with that ink from now on."""
        old = self._ink
        codes: list[str] = []
        if old is None:
            codes.append("0")
            old = Ink()
        assert old.front is not None
        assert old.marks is not None
        marks = ink.marks if ink.marks is not None else old.marks & SIMPLE
        if gone := old.marks - marks:
            ends = sorted({_ENDS[code] for code in gone})
            codes += ends
            kept = old.marks & marks & {"1", "2"} if "22" in ends else frozenset()
            codes += sorted(kept)
        codes += sorted(marks - old.marks)
        front = old.front if ink.front is None else ink.front
        if front != old.front:
            codes.append(front or "39")
        if ink.back != old.back:
            codes.append(ink.back or "49")
        self._ink = Ink(front, ink.back, marks)
        link = ""
        if ink.link != self._link:
            self._link = ink.link
            link = f"\x1b]8;{ink.link or ';'}\x1b\\"
        return link + (f"\x1b[{';'.join(codes)}m" if codes else "")


def is_doubtful(text: str, *, wide: bool) -> bool:
    """Whether terminals may differ in how many cells it takes: what follows it is to be placed by its column."""
    if len(text) != 1:
        return len(text) > 1
    return not _is_wide_letter(text) if wide else not text.isascii() and any(ord(text) in each for each in _ICONS)


def _is_wide_letter(text: str) -> bool:
    return any(ord(text) in letters for letters in _WIDE_LETTERS)


def _stretch(row: CellRow, x: int, end: int) -> int:
    """Counts the like blanks from x on; 0 if they are better written than erased."""
    ink, at = row.inks[x], x
    while at < end and row.texts[at] == " " and row.inks[at] == ink:
        at += 1
    least = _ERASED_AT_END if at == end else _ERASED_WITHIN
    return at - x if at - x >= least else 0
