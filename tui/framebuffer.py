"""What the screen should show and what the terminal shows by now, as cells; and the shortest way from one to the other.

Whoever draws changes what is wanted, as often as they like: nothing is queued, and what was wanted in between is
forgotten. When the terminal can take something, `changes` says what to write, and from then on that counts as shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rich.cells import split_graphemes
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from sandpiper.common.sanitise import stand_ins
from sandpiper.tui.cells import BLANK, SIMPLE, CellRow, CellWriter, Ink, is_doubtful

_GAP: Final = 6
"""Cells that are as they should be, but cheaper to write again than to jump over."""
_SCROLLS_FROM: Final = 3
"""Rows that have to be found again elsewhere for scrolling to be considered."""
_STYLES_KEPT: Final = 4000
_CODES: Final = (
    ("bold", "1"),
    ("dim", "2"),
    ("italic", "3"),
    ("underline", "4"),
    ("blink", "5"),
    ("blink2", "6"),
    ("reverse", "7"),
    ("strike", "9"),
    ("underline2", "21"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the screen whose rows wander: they are looked for elsewhere before they are written."""

    x: int = 0
    y: int = 0
    width: int = 0
    height: int = 0


class Framebuffer:
    """The screen as it is shown and as it is wanted, and the terminal's cursor and style."""

    def __init__(self, colours: ColorSystem | None, *, erases: bool = False) -> None:
        self.colours = colours
        self._erases = erases
        self.scrolls = Part()
        self.cursor = (0, 0)
        """Column and row."""
        self._width = self._height = 0
        self._wanted: list[CellRow] = []
        self._shown: list[CellRow] = []
        self._cell_writer = CellWriter(erases=erases)
        self._inks: dict[Style, tuple[Ink, Ink]] = {}

    # What is wanted ----------------------------------------------------------------------------------------

    def resize(self, width: int, height: int) -> None:
        """The terminal is so large now."""
        if (width, height) != (self._width, self._height):
            self._width, self._height = width, height
            self._wanted = [CellRow(width, known=True) for _ in range(height)]
            self.forget()

    def forget(self) -> None:
        """Nobody knows what the terminal shows."""
        self._shown = [CellRow(self._width, known=False) for _ in range(self._height)]
        self._cell_writer = CellWriter(erases=self._erases)

    def put(self, x: int, y: int, segments: Iterable[Segment]) -> None:
        """These cells are wanted there."""
        if not 0 <= y < self._height or x >= self._width:
            return
        texts: list[str | None] = []
        inks: list[Ink] = []
        for text, style, control in segments:
            if control or not text:
                continue
            if not text.isprintable():  # the border to the terminal: what is put here is only shown
                text = stand_ins(text).replace("\t", " ")
            ink, blank = self._ink(style)
            if text.isascii():
                texts += text
                if text.isspace():
                    inks += [blank] * len(text)
                else:
                    inks += [blank if char == " " else ink for char in text] if " " in text else [ink] * len(text)
                continue
            for start, end, width in split_graphemes(text)[0]:
                if width:
                    texts.append(text[start:end])
                    inks.append(blank if text[start:end] == " " else ink)
                    if width == 2:
                        texts.append("")
                        inks.append(ink)
                elif texts:  # a mark on what another segment ends with
                    at = len(texts) - (2 if texts[-1] == "" else 1)
                    before = texts[at] or ""
                    texts[at] = before + text[start:end]
                    inks[at] = ink if before == " " else inks[at]
        room = self._width - x
        if len(texts) > room:
            del texts[room:], inks[room:]
            if texts and _is_wide(texts[-1]):  # its right half would be outside
                texts[-1] = " "
        row = self._wanted[y]
        end = x + len(texts)
        if x and row.texts[x : x + 1] == [""]:  # what was cut in half is gone
            row.texts[x - 1] = " "
        if row.texts[end : end + 1] == [""]:
            row.texts[end] = " "
        row.texts[x:end] = texts
        row.inks[x:end] = inks

    def _ink(self, style: Style | None) -> tuple[Ink, Ink]:
        """The ink of a letter, and that of a blank."""
        if style is None:
            return Ink(), BLANK
        made = self._inks.get(style)
        if made is None:
            if len(self._inks) >= _STYLES_KEPT:  # links and nicks are others' words: there is no end of them
                self._inks.clear()
            made = self._inks[style] = self._make_ink(style)
        return made

    def _make_ink(self, style: Style) -> tuple[Ink, Ink]:
        front = back = ""
        marks: frozenset[str] = frozenset()
        if (system := self.colours) is not None:
            if style.color is not None:
                front = ";".join(style.color.downgrade(system).get_ansi_codes(foreground=True))
            if style.bgcolor is not None:
                back = ";".join(style.bgcolor.downgrade(system).get_ansi_codes(foreground=False))
            marks = frozenset(code for name, code in _CODES if getattr(style, name))
        link = f"id={style.link_id};{style.link}" if style.link and style.link.isprintable() else ""
        ink = Ink(front, back, marks, link)
        return ink, ink if link or not marks <= SIMPLE else Ink(None, back, None)

    # The way there -----------------------------------------------------------------------------------------

    def changes(self) -> str:
        """Returns what to write now, which counts as shown from then on; nothing if all is shown."""
        best, cell_writer, shown = self._written(self._shown, self._cell_writer.copy())
        count = self._scrolled_by() if len(best) > 200 else 0
        if count:
            after = self._cell_writer.copy()
            begin = after.scroll(*self._wandering, count)
            other, after, rows = self._written(self._after_scrolling(count), after)
            if len(begin) + len(other) < len(best):
                best, cell_writer, shown = begin + other, after, rows
        x, y = self.cursor
        if 0 <= x < self._width and 0 <= y < self._height:
            best += cell_writer.move(x, y)
        self._cell_writer, self._shown = cell_writer, shown
        return best

    def _written(self, shown: list[CellRow], cell_writer: CellWriter) -> tuple[str, CellWriter, list[CellRow]]:
        """Returns what to write over `shown`, the cursor afterwards, and what is shown then."""
        out: list[str] = []
        rows: list[CellRow] = []
        for y, (new, old) in enumerate(zip(self._wanted, shown, strict=True)):
            if new.texts == old.texts and new.inks == old.inks:
                rows.append(old)
                continue
            for start, end in _runs(new, old):
                out.append(cell_writer.write(start, y, new, end, self._width))
            rows.append(new.copy())
        return "".join(out), cell_writer, rows

    @property
    def _wandering(self) -> tuple[int, int]:
        """The rows that may scroll: the first, and one past the last."""
        return self.scrolls.y, min(self.scrolls.y + self.scrolls.height, self._height)

    def _scrolled_by(self) -> int:
        """Returns by how many rows the wandering part has moved up (down, if negative); 0 if it has not."""
        low, high = self._wandering
        left, right = self.scrolls.x, self.scrolls.x + self.scrolls.width
        places: dict[str, list[int]] = {}
        for y in range(low, high):
            if (key := _key(self._shown[y], left, right)) is not None:
                places.setdefault(key, []).append(y)
        votes: dict[int, int] = {}
        for y in range(low, high):
            key = _key(self._wanted[y], left, right)
            if key is not None:
                for was in places.get(key, ())[:4]:
                    votes[was - y] = votes.get(was - y, 0) + 1
        if not votes:
            return 0
        best = max(votes, key=lambda count: (votes[count], -abs(count)))
        return best if votes[best] >= _SCROLLS_FROM else 0

    def _after_scrolling(self, count: int) -> list[CellRow]:
        """Returns the rows after scrolling. Those that come in are unknown: terminals differ in their background."""
        low, high = self._wandering
        moved = self._shown[low:high]
        come = [CellRow(self._width, known=False) for _ in range(min(abs(count), high - low))]
        moved = moved[count:] + come if count > 0 else come + moved[:count]
        return [*self._shown[:low], *moved, *self._shown[high:]]


def _runs(new: CellRow, old: CellRow) -> list[tuple[int, int]]:
    """Returns the parts of the new row that differ from the old one."""
    runs: list[tuple[int, int]] = []
    cells = zip(new.texts, old.texts, new.inks, old.inks, strict=True)
    for x, (text, had, ink, was) in enumerate(cells):
        if text != had or (ink is not was and ink != was):
            if runs and x - runs[-1][1] <= _GAP:
                runs[-1] = (runs[-1][0], x + 1)
            else:
                runs.append((x, x + 1))
    wide: list[tuple[int, int]] = []
    for at, (start, end) in enumerate(runs):
        if _holds_doubtful(new, start, end) or _holds_doubtful(old, start, end):
            # One that takes it for wider has written over what follows, up to the end of the row.
            runs[at:] = [(start, len(new.texts))]
            break
    for start, end in runs:
        # Half of what is two cells wide cannot be written, nor written over.
        while start and (new.texts[start] == "" or old.texts[start] == ""):
            start -= 1
        while end < len(new.texts) and (new.texts[end] == "" or old.texts[end] == ""):
            end += 1
        if wide and start <= wide[-1][1]:
            wide[-1] = (wide[-1][0], max(end, wide[-1][1]))
        else:
            wide.append((start, end))
    return wide


def _holds_doubtful(row: CellRow, start: int, end: int) -> bool:
    texts = row.texts
    return any(
        text is not None and not text.isascii() and is_doubtful(text, wide=texts[x : x + 1] == [""])
        for x, text in enumerate(texts[start:end], start + 1)
    )


def _key(row: CellRow, left: int, right: int) -> str | None:
    """Returns the text of a row, to find it again by; None if there is too little."""
    texts = row.texts[left:right]
    if not texts or texts[0] is None or None in texts:
        return None
    text = "".join(each or "" for each in texts)
    return None if text.isspace() else text


def _is_wide(text: str | None) -> bool:
    return bool(text) and split_graphemes(text or "")[1] == 2
