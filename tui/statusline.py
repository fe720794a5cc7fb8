"""The last line: what the connection is doing and why, in words; and the hint above the input."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from sandpiper.chat.table import Span
from sandpiper.common.sanitise import clip, printable
from sandpiper.tui.themes import Styles


@dataclass(frozen=True, slots=True)
class Status:
    """The status line's content: a state (`good`, `warn`, `bad`), its words, and the right end."""

    state: str = "warn"
    words: str = ""
    right: tuple[Span, ...] = ()


_MARKS = {"good": "●", "warn": "◌", "bad": "○"}


class StatusLine(Widget, can_focus=False):
    """The row at the bottom: what the connection is doing."""

    ALLOW_SELECT = False

    def __init__(self, styles: Styles, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id)
        self.styles_of = styles
        self.status = Status()

    def show(self, status: Status) -> None:
        """Says this from now on."""
        if status != self.status:
            self.status = status
            self.refresh()

    def paint(self, styles: Styles) -> None:
        """Shows it in another theme."""
        self.styles_of = styles
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The row."""
        width, status = self.size.width, self.status
        right = [span for span in status.right if span[0]]
        taken = sum(cell_len(text) for text, _ in right)
        if taken + 14 > width:
            right, taken = [], 0
        words = clip(printable(status.words), max(4, width - taken - 5))
        left: list[Span] = [(" ", ""), (_MARKS[status.state], status.state), (" ", ""), (words, "soft")]
        used = sum(cell_len(text) for text, _ in left)
        gap: Span = (" " * max(0, width - used - taken - 1), "")
        return spans_strip([*left, gap, *right, (" ", "")], width, self.styles_of, "side")


class Hint(Widget, can_focus=False):
    """Above the input, where the eye is: a question, what went wrong, or what Tab offers. Gone when empty."""

    ALLOW_SELECT = False

    def __init__(self, styles: Styles, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id)
        self.styles_of = styles
        self.rows: list[list[Span]] = []
        self.kind = ""

    def show(self, kind: str, rows: list[list[Span]]) -> None:
        """Shows rows; `kind` says who may take them away."""
        self.kind, self.rows = kind, rows
        self.display = bool(rows)
        self.styles.height = len(rows)
        self.refresh()

    def hide(self, kind: str = "") -> None:
        """Takes them away, all or those of one kind."""
        if self.rows and kind in ("", self.kind):
            self.show("", [])

    def paint(self, styles: Styles) -> None:
        """Shows it in another theme."""
        self.styles_of = styles
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Renders a row."""
        row = self.rows[y] if y < len(self.rows) else []
        return spans_strip([(" ", ""), *row], self.size.width, self.styles_of, "raised")


def spans_strip(spans: list[Span], width: int, styles: Styles, back: str) -> Strip:
    """Pieces of text as one row on a ground of its own; printable, and cut at the width."""
    base = styles.base + styles[back]
    segments: list[Segment] = []
    used = 0
    for text, key in spans:
        text = clip(printable(text), width - used)
        if text:
            used += cell_len(text)
            segments.append(Segment(text, base + styles[key] if key else base))
    if used < width:
        segments.append(Segment(" " * (width - used), base))
    return Strip(segments, width)
