"""An entry as strips of cells: the gutter with the time, the bar in the sender's colour, and the text beside it.

The bar stands on every row of a message, so whatever a text draws, it is clear whose it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.chat.table import Span
from sandpiper.chat.timestamps import clock
from sandpiper.common.limits import NICK_CHARS
from sandpiper.common.sanitise import clip, printable
from sandpiper.tui.markup import JOINED, Row, hung, rows
from sandpiper.tui.themes import Styles
from sandpiper.tui.timeline_entry import TALK, TimelineEntry
from sandpiper.tui.timeline_model import TimelineModel

WIDE: Final = 56
"""Columns from which the time has a gutter of its own."""
BAR: Final = "▎"
_FEW: Final = 6
_CAME_AND_WENT: Final = (
    ("here", "is here", "are here"),
    ("join", "joined", "joined"),
    ("back", "came back", "came back"),
    ("leave", "left", "left"),
    ("removed", "was removed", "were removed"),
)
"""Names of those who came or went in one line."""


@dataclass(frozen=True, slots=True)
class RenderedLine:
    """A row: characters `gutter` to `end` are the text's; `joined` goes on with the row above."""

    strip: Strip
    gutter: int = 0
    end: int = 0
    joined: bool = False


class Renderer:
    """Entries to lines, for one theme."""

    def __init__(self, styles: Styles, look_alikes: LookAlikes) -> None:
        self.styles = styles
        self._look_alikes = look_alikes
        self._mixed: dict[tuple[str, str], Style] = {}
        self.airy = False
        """Whether there is room for an empty row above each sender's name."""

    # An entry ----------------------------------------------------------------------------------------------

    def lines(
        self, entry: TimelineEntry, model: TimelineModel, width: int, find: re.Pattern[str] | None = None
    ) -> list[RenderedLine]:
        """Returns all rows of an entry, with the day and the unread line before it."""
        if entry.hidden:
            return []
        unread = entry.serial == model.unread_from
        out: list[RenderedLine] = []
        if entry.day and entry.serial >= 0:
            out.append(self._across(entry.day, "faint", width))
        if unread:
            out.append(self._across("new", "accent", width))
        head = entry.head or unread
        if head and self.airy and entry.kind in TALK and not (unread or entry.day):
            out.append(self._line([], width, "", 0))
        paint = self._talk if entry.kind in TALK or entry.kind == "me" else self._aside
        out += paint(entry, model, width, head, find)
        return out

    def _talk(
        self, entry: TimelineEntry, model: TimelineModel, width: int, head: bool, find: re.Pattern[str] | None
    ) -> list[RenderedLine]:
        back = "lit" if entry.mentioned else "old" if entry.old else "faint" if entry.mark == "…" else ""
        wide = width >= WIDE
        who = f"nick {entry.nick}"
        bar: Span = (BAR, "accent" if entry.kind in ("whisper", "whispered") else who)
        flag: Span = ("@", "accent bold") if entry.mentioned else (" ", "")
        blank: Row = [("       ", ""), bar] if wide else [(" ", ""), bar]
        timed: Row = [flag, (f"{clock(entry.ts)} ", "faint"), bar] if wide else [flag, bar]
        gutter = 8 if wide else 2
        room = width - gutter - 1
        out: list[RenderedLine] = []
        action = entry.kind == "me"
        if head and not action:
            name = self._name(entry, room)
            if not wide:
                name.append((f"  {clock(entry.ts)}", "faint"))
            out.append(self._line([*timed, *name], width, back, 0))
            timed = blank
        find_mention = model.mention if entry.mentioned else None
        body = self._body(entry, room - 2, find, find_mention)
        if action:
            body = [[("* ", "accent"), *self._name(entry, room), (" ", "")], *body] if len(body) > 1 else [
                [("* ", "accent"), *self._name(entry, room), (" ", ""), *body[0]]
            ]  # fmt: skip
        if entry.mark:
            self._add_mark(body, entry.mark, room)
        for number, row in enumerate(body):
            joined = bool(row) and row[0] is JOINED
            out.append(self._line([*(timed if number == 0 else blank), *row], width, back, gutter, joined))
        return out

    def _body(
        self, entry: TimelineEntry, width: int, find: re.Pattern[str] | None, mention: re.Pattern[str] | None
    ) -> list[Row]:
        if entry.kind == "data":
            return [[("data ", "accent"), (clip(printable(entry.text), max(8, width - 5)), "code")]]
        return rows(entry.text, max(width, 8), find=find, mention=mention)

    def _add_mark(self, body: list[Row], mark: str, room: int) -> None:
        key = "alarm" if mark[0] == "✗" else "good" if mark == "✓" else "faint"
        text = printable(mark)
        if len(mark) > 1 or sum(cell_len(span[0]) for span in body[-1]) + 2 > room:
            body += [[(row, key)] for row in self._fold(text, room)]
            if len(mark) > 1:
                body.append([("Up brings it back, to change it and try again", "soft")])
            return
        body[-1] = [*body[-1], (f" {text}", key)]

    def _fold(self, text: str, width: int) -> list[str]:
        return ["".join(span[0] for span in row) for row in rows(text, max(8, width))]

    def _name(self, entry: TimelineEntry, room: int) -> Row:
        shown = clip(printable(entry.nick), max(4, min(NICK_CHARS * 2, room - 8)))
        row: Row = [(shown, f"nick {entry.nick}")]
        if not entry.verified:
            row.insert(0, ("~", "soft"))
        if entry.kind == "whisper":
            row = [("@", "accent"), *row, (" whispers to you", "accent")]  # no nick has an @
        elif entry.kind == "whispered":
            to = getattr(entry.message, "to", "")
            row = [("you whisper to @", "accent"), (clip(printable(to), max(4, room - 17)), f"nick {to}")]
        alike = "" if entry.own else self._look_alikes.alike(entry.nick)
        if alike:
            row.append((f"  ! looks like {clip(printable(alike), 20)}", "alarm"))
        return row

    def _aside(
        self, entry: TimelineEntry, model: TimelineModel, width: int, head: bool, find: re.Pattern[str] | None
    ) -> list[RenderedLine]:
        wide = width >= WIDE
        time: Row = [(f" {clock(entry.ts)} ", "faint")] if wide else []
        gutter = 7 if wide else 0
        mark, key = {
            "notice": (" ", "faint"),
            "warn": ("!", "warn"),
            "bad": ("✗", "alarm"),
        }.get(entry.kind, ("·", "soft"))
        lead: Row = [(f"{mark} ", key)]
        style = {"notice": "faint", "warn": "warn", "bad": "bad"}.get(entry.kind, "soft")
        room = max(8, width - gutter - 3)
        if entry.kind == "table":
            blank: Span = (" " * (gutter + 2), "")
            return [
                self._line([blank, *row], width, "", gutter + 2, row[0] is JOINED)
                for line in entry.lines
                for row in hung(line, room, self._hang(line, room))
            ]
        text = self._crowd(entry) if entry.people else entry.text
        out = []
        for number, row in enumerate(rows(text, room)):
            begin: Row = [*time, *lead] if number == 0 else [(" " * (gutter + 2), "")]
            plain: Row = [("".join(span[0] for span in row), style)]
            out.append(self._line([*begin, *plain], width, "", gutter + 2, bool(row) and row[0] is JOINED))
        return out

    @staticmethod
    def _hang(line: list[Span], room: int) -> int:
        before = sum(cell_len(text) for text, _ in line[:-1])
        return before if before <= room // 2 else 4

    @staticmethod
    def _crowd(entry: TimelineEntry) -> str:
        parts = []
        for event, one, many in _CAME_AND_WENT:
            names = [nick for what, nick in entry.people if what == event]
            words = one if len(names) == 1 else many
            if names:
                more = f" and {len(names) - _FEW} others" if len(names) > _FEW else ""
                parts.append(f"{', '.join(names[:_FEW])}{more} {words}")
        return " · ".join(parts)

    # Cells -------------------------------------------------------------------------------------------------

    def _across(self, text: str, key: str, width: int) -> RenderedLine:
        shown = clip(text, max(1, width - 8))
        rest = max(0, width - cell_len(shown) - 6)
        return self._line([(" ─── ", key), (shown, key), (" " + "─" * rest, key)], width, "", 0)

    def _line(self, row: Row, width: int, back: str, gutter: int, joined: bool = False) -> RenderedLine:
        segments: list[Segment] = []
        used = 0
        for text, key in row:
            if not text:
                continue
            cells = cell_len(text)
            if used + cells > width:
                text = clip(text, width - used)
                cells = cell_len(text)
            used += cells
            segments.append(Segment(text, self.style(key, back)))
        end = sum(len(segment.text) for segment in segments)
        if used < width:
            segments.append(Segment(" " * (width - used), self.style("", back)))
        return RenderedLine(Strip(segments, width), gutter, end, joined)

    def style(self, key: str, back: str = "") -> Style:
        """The style of a key over the screen's own, or over what `back` makes of it."""
        mixed = self._mixed.get((back, key))
        if mixed is None:
            if len(self._mixed) > 4000:
                self._mixed.clear()
            base = self.styles.base + self.styles[back]
            own = self.styles[key]
            if back == "old" and key.startswith("nick "):
                own += Style(bold=False)
            mixed = self._mixed[(back, key)] = base + own
        return mixed
