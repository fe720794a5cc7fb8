"""The text of the input as it is, and as it is painted: what must not reach a terminal has a stand-in there."""

from __future__ import annotations

from typing import overload

from textual.document._document import Document, EditResult, Location

from sandpiper.common.sanitise import stand_ins


class InputText(Document):
    """Lines end with a line feed and with nothing else: Textual's own document ends them at U+2028 too, and so on."""

    def __init__(self, text: str) -> None:
        super().__init__("")
        self._lines = text.split("\n")

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Puts text in place of what is between two places."""
        top, bottom = sorted((start, end))
        replaced = self.get_text_range(top, bottom)
        before, after = self._lines[top[0]][: top[1]], self._lines[bottom[0]][bottom[1] :]
        lines = (before + text).split("\n")
        ends = (top[0] + len(lines) - 1, len(lines[-1]))
        lines[-1] += after
        self._lines[top[0] : bottom[0] + 1] = lines
        return EditResult(ends, replaced)


class DisplayedText(Document):
    """The lines as they are displayed, with stand-ins, character for character: lines wrap and the cursor stands by
    what is seen.
    """

    def __init__(self, text: Document) -> None:
        super().__init__("")
        self._text = text

    @property
    def lines(self) -> list[str]:
        """All lines."""
        return [stand_ins(line) for line in self._text.lines]

    @property
    def line_count(self) -> int:
        """The number of lines."""
        return self._text.line_count

    def get_line(self, index: int) -> str:
        """Returns a line."""
        return stand_ins(self._text.get_line(index))

    @overload
    def __getitem__(self, line_index: int) -> str: ...

    @overload
    def __getitem__(self, line_index: slice) -> list[str]: ...

    def __getitem__(self, line_index: int | slice) -> str | list[str]:
        """A line, or a slice of them."""
        if isinstance(line_index, slice):
            return [stand_ins(line) for line in self._text[line_index]]
        return self.get_line(line_index)
