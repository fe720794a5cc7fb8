"""The timeline: the rows of one room that are in sight, out of as many as there are.

There is no list of all rows. What is shown begins at an anchor (an entry and one of its rows), or ends with the newest;
from there rows are made as far as the screen reaches. So ten thousand messages cost what forty do, and so does
another width.
"""

from __future__ import annotations

import re
import time
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.events import MouseScrollDown, MouseScrollUp, Resize
from textual.geometry import Region
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from sandpiper.common.limits import SCREEN_PAINT_S, SHOWN_CHARS
from sandpiper.tui.entry_rows import ROWS_PER_ENTRY, EntryRows, Place, row_number
from sandpiper.tui.renderer import RenderedLine, Renderer
from sandpiper.tui.timeline_entry import TimelineEntry
from sandpiper.tui.timeline_model import TimelineModel

_WHEEL_ROWS: Final = 3
_AIRY_ROWS: Final = 36


class Timeline(Widget, can_focus=False):
    """The widget that shows what has been said in the current room."""

    ALLOW_SELECT = True

    class Moved(Message):
        """The timeline was scrolled, or is at the end again."""

    class Reached(Message):
        """The reader has scrolled up to the first entry, and wants older ones."""

    def __init__(self, renderer: Renderer, model: TimelineModel, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id)
        self._entries = EntryRows(renderer, model, time.perf_counter)
        self.chosen: int | None = None
        self._anchor: Place | None = None
        self._seen = 0  # the end of the model when one scrolled away from it
        self._rows: list[tuple[Place, RenderedLine] | None] | None = None
        self._shown = -1
        self._repaint = False
        self._painting = False

    @property
    def model(self) -> TimelineModel:
        """The entries that are shown."""
        return self._entries.model

    # Whose, and how ----------------------------------------------------------------------------------------

    def show(self, model: TimelineModel, anchor: Place | None = None) -> None:
        """Shows another room, where one was in it."""
        self._entries.show(model, self._entries.renderer)
        self._anchor, self.chosen = anchor, None
        self.screen.clear_selection()
        self.lay_out_again()

    def paint(self, renderer: Renderer) -> None:
        """Shows it in another theme."""
        self._entries.show(self.model, renderer)
        self.lay_out_again()

    def highlight(self, pattern: re.Pattern[str] | None) -> None:
        """Marks what the pattern finds, or nothing."""
        self._entries.find = pattern
        self.lay_out_again()

    def lay_out_again(self) -> None:
        """Lays out again what is in sight."""
        self._rows = None
        self._shown = self.model.version
        self.refresh()

    def refresh_if_changed(self) -> None:
        """Lays out again if there is anything new."""
        if self._shown != self.model.version:
            self.lay_out_again()

    @property
    def place(self) -> Place | None:
        """The place of its first row; None while it follows the newest."""
        return self._anchor

    @property
    def following(self) -> bool:
        """Whether the newest is in sight."""
        return self._anchor is None

    @property
    def below(self) -> int:
        """Entries that came while one was looking at older ones."""
        return 0 if self._anchor is None else max(0, self.model.stop - max(self._seen, self.model.first))

    # Moving ------------------------------------------------------------------------------------------------

    def move(self, count: int) -> None:
        """Scrolls by rows, down if positive."""
        rows = self._layout()
        top = next((each[0] for each in rows if each is not None), None)
        if count < 0 and (top is None or self._entries.up(top, -count) == (self.model.oldest, 0)):
            self.post_message(self.Reached())
        if top is None or rows[0] is None:
            return  # nothing is out of sight
        if self._anchor is None:
            if count >= 0:
                return
            self._seen = self.model.stop
        self._entries.allow(SCREEN_PAINT_S, self._width)
        self._anchor = self._entries.up(top, -count) if count < 0 else self._entries.down(top, count)
        self._moved()

    def page(self, count: int) -> None:
        """Scrolls by screens, two rows less."""
        self.move(count * max(1, self.size.height - 2))

    def oldest(self) -> None:
        """Scrolls to the first entry, above which older ones are wanted."""
        self.post_message(self.Reached())
        if self.following:
            self._seen = self.model.stop
        self._anchor = (self.model.first, 0)
        self._moved()

    def newest(self) -> None:
        """Scrolls to the last entry, and follows from there."""
        self._anchor = self.chosen = None
        self._moved()

    def begin_with(self, serial: int) -> None:
        """Shows what is longer than the screen from its start."""
        self._entries.allow(SCREEN_PAINT_S, self._width)
        if len(self._entries.rows(serial)) > self.size.height:
            self._seen = self.model.stop
            self._anchor = (serial, 0)
            self._moved()

    def reveal(self, serial: int) -> None:
        """Brings an entry into sight and marks it."""
        self.chosen = serial
        if serial < self.model.first:
            self.model.uncover()
            self._rows = None
        rows = self._layout()
        if any(each is not None and each[0][0] == serial for each in rows[1:]):
            self.lay_out_again()
            return
        if self.following:
            self._seen = self.model.stop
        self._entries.allow(SCREEN_PAINT_S, self._width)
        self._anchor = self._entries.up((serial, 0), self.size.height // 3)
        self._moved()

    def _moved(self) -> None:
        self.lay_out_again()
        self.post_message(self.Moved())

    # Searching ---------------------------------------------------------------------------------------------

    def seek(self, pattern: re.Pattern[str], start: int, step: int) -> int | None:
        """The next entry from `start` on, up (-1) or down (1), that the pattern finds something in, cleared or not."""
        model = self.model
        for serial in range(start, model.oldest - 1 if step < 0 else model.end, step):
            if model.oldest <= serial < model.end and matches(model.at(serial), pattern):
                return serial
        return None

    # Rows --------------------------------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        return max(8, self.size.width - 1)

    def _layout(self) -> list[tuple[Place, RenderedLine] | None]:
        """Returns what each row of the widget shows; None for nothing."""
        if self._rows is not None:
            return self._rows
        self._entries.allow(SCREEN_PAINT_S, self._width)
        self._entries.unfinished = False
        height, model = self.size.height, self.model
        self._entries.renderer.airy = height >= _AIRY_ROWS
        rows: list[tuple[Place, RenderedLine] | None] = []
        if self._anchor is not None:
            serial, first = self._anchor
            if serial < model.first:
                serial, first = self._anchor = (model.first, 0)
            while serial < model.stop and len(rows) < height:
                lines = self._entries.rows(serial)
                rows += [((serial, row), lines[row]) for row in range(first, len(lines))]
                serial, first = serial + 1, 0
            if len(rows) < height:
                self._anchor = None  # the end is in sight
                rows = []
        if self._anchor is None:
            upward: list[tuple[Place, RenderedLine]] = []
            serial = model.stop - 1
            while serial >= model.first and len(upward) < height:
                lines = self._entries.rows(serial)
                upward += [((serial, row), lines[row]) for row in range(len(lines) - 1, -1, -1)]
                serial -= 1
            rows = [*([None] * (height - len(upward))), *reversed(upward[:height])]
        self._rows = rows[:height]
        if self._entries.unfinished and not self._repaint:
            self._repaint = True
            self.set_timer(0.02, self._continue)
        return self._rows

    def _continue(self) -> None:
        self._repaint = False
        self.lay_out_again()

    # Drawing -----------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Renders a row, with what is selected, and at its end a part of the scroll bar."""
        rows = self._layout()
        width = self.size.width
        base = self._entries.renderer.style("")
        each = rows[y] if y < len(rows) else None
        if each is None:
            return Strip.blank(width, base)
        place, line = each
        strip = line.strip
        if place[0] == self.chosen:
            strip = _over(strip, 0, len(strip.text), self._entries.renderer.styles["chosen"])
        if (selection := self.text_selection) is not None and (
            span := selection.get_span(row_number(place))
        ) is not None:
            end = len(strip.text) if span[1] == -1 else span[1]
            style = self.screen.get_component_rich_style("screen--selection")
            strip = _over(strip, max(span[0], line.gutter), end, style)
        if not self._painting:
            strip = strip.apply_offsets(0, row_number(place))  # for the mouse, which asks row by row
        return Strip([*strip, self._bar(y)], width)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Renders all rows, for the screen."""
        self._painting = True
        try:
            return super().render_lines(crop)
        finally:
            self._painting = False

    def _bar(self, y: int) -> Segment:
        if self._anchor is None or len(self.model) == 0:
            return Segment(" ", self._entries.renderer.style(""))
        height = self.size.height
        at = (self._anchor[0] - self.model.first) / max(1, self.model.stop - self.model.first)
        thumb = min(height - 1, int(at * height))
        return Segment("┃" if y == thumb else "│", self._entries.renderer.style("accent" if y == thumb else "faint"))

    def notify_style_update(self) -> None:
        """Textual says that the theme has changed."""
        super().notify_style_update()
        self._rows = None

    # Copying -----------------------------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected, without gutters and with long lines in one piece."""
        shown = [each[0] for each in self._layout() if each is not None]
        if not shown:
            return None
        first = divmod(selection.start.y, ROWS_PER_ENTRY) if selection.start is not None else shown[0]
        last = divmod(selection.end.y, ROWS_PER_ENTRY) if selection.end is not None else shown[-1]
        self._entries.allow(1, self._width)
        parts: list[str] = []
        for serial in range(max(first[0], self.model.first), min(last[0] + 1, self.model.stop)):
            for row, line in enumerate(self._entries.rows(serial)):
                if first <= (serial, row) <= last:
                    span = selection.get_span(row_number((serial, row))) or (0, -1)
                    end = line.end if span[1] == -1 else min(span[1], line.end)
                    text = line.strip.text[max(span[0], line.gutter) : end]
                    if line.joined and parts:
                        parts[-1] += text
                    else:
                        parts.append(text)
        return "\n".join(part.rstrip(" ") for part in parts), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Textual says that the selection has changed."""
        self.refresh()

    # Events ------------------------------------------------------------------------------------------------

    def on_resize(self, event: Resize) -> None:
        """Rows of another width."""
        self.screen.clear_selection()
        self.lay_out_again()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.move(-_WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.move(_WHEEL_ROWS)


def matches(entry: TimelineEntry, pattern: re.Pattern[str]) -> bool:
    """Whether a search finds this entry."""
    if entry.hidden or entry.message is None:
        return False
    return pattern.search(entry.text, 0, SHOWN_CHARS) is not None or pattern.search(entry.nick) is not None


def _over(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """The strip with `style` over some of its characters."""
    segments: list[Segment] = []
    at = 0
    for text, own, _ in strip:
        low, high = min(max(start - at, 0), len(text)), min(max(end - at, 0), len(text))
        for piece, over in ((text[:low], False), (text[low:high], True), (text[high:], False)):
            if piece:
                segments.append(Segment(piece, (own or Style()) + style if over else own))
        at += len(text)
    return Strip(segments, strip.cell_length)
