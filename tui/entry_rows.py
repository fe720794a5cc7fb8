"""The rows that entries take at the timeline's width: made when they are wanted, and remembered.

To lay out what somebody has written may take long. After the deadline an entry is one row of dots, until the next try.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeAlias

from rich.segment import Segment
from textual.strip import Strip

from sandpiper.tui.renderer import RenderedLine, Renderer
from sandpiper.tui.timeline_entry import TimelineEntry
from sandpiper.tui.timeline_model import TimelineModel

ROWS_PER_ENTRY: Final = 1024  # more than an entry can have, for a number that orders rows: see row_number
_KEPT: Final = 200
"""Entries whose rows are remembered."""
_LATER: Final = "⋯"

Place: TypeAlias = tuple[int, int]
"""An entry's serial, and one of its rows."""


def row_number(place: Place) -> int:
    """Returns a number for a row. Textual orders what is selected by it; it stays when others come and go above."""
    return place[0] * ROWS_PER_ENTRY + place[1]


class EntryRows:
    """The rows of a model's entries. `clock` tells seconds, for the deadline that `allow` sets."""

    def __init__(self, renderer: Renderer, model: TimelineModel, clock: Callable[[], float]) -> None:
        self.renderer = renderer
        self.model = model
        self.find: re.Pattern[str] | None = None
        self.width = 0
        self.unfinished = False
        """Whether something was not laid out, because that took too long."""
        self._clock = clock
        self._deadline = 0.0
        self._made: OrderedDict[int, tuple[TimelineEntry, tuple[object, ...], list[RenderedLine]]] = OrderedDict()

    def allow(self, seconds: float, width: int) -> None:
        """Lets rows be laid out for so long from now on, at that width."""
        self._deadline, self.width = self._clock() + seconds, width

    def show(self, model: TimelineModel, renderer: Renderer) -> None:
        """Takes another room, or another theme."""
        self.model, self.renderer = model, renderer
        self._made.clear()

    def rows(self, serial: int) -> list[RenderedLine]:
        """Returns the rows of an entry."""
        entry = self.model.at(serial)
        unread = serial == self.model.unread_from
        key = (entry.version, entry.head, entry.hidden, self.width, self.renderer.airy, unread, self.find)
        made = self._made.get(serial)
        if made is not None and made[0] is entry and made[1] == key:
            self._made.move_to_end(serial)
            return made[2]
        if self._clock() > self._deadline:
            self.unfinished = True
            return [RenderedLine(Strip([Segment(_LATER.ljust(self.width), self.renderer.style("faint"))], self.width))]
        lines = self.renderer.lines(entry, self.model, self.width, self.find)[: ROWS_PER_ENTRY - 1]
        self._made[serial] = (entry, key, lines)
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return lines

    def up(self, place: Place, count: int) -> Place:
        """Returns the place so many rows above; the first one, if there are not as many."""
        serial, row = place
        row -= count
        while row < 0:
            serial -= 1
            if serial < self.model.first:
                return self.model.first, 0
            row += len(self.rows(serial))
        return serial, row

    def down(self, place: Place, count: int) -> Place | None:
        """Returns the place so many rows below; None if there are not as many."""
        serial, row = place
        row += count
        while serial < self.model.stop and row >= (height := len(self.rows(serial))):
            row -= height
            serial += 1
        return (serial, row) if serial < self.model.stop else None
