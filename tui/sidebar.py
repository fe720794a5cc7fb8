"""The side: the rooms that are open, and who is in the one that is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.chat.members import own_place, path_words
from sandpiper.chat.table import Span
from sandpiper.common.messages import Member
from sandpiper.common.sanitise import clip, printable
from sandpiper.tui.statusline import spans_strip
from sandpiper.tui.themes import Styles


@dataclass(frozen=True, slots=True)
class SidebarRoom:
    """An open room as the sidebar shows it. `state` is good, warn or bad."""

    name: str
    state: str
    unread: int = 0
    mentioned: bool = False
    current: bool = False
    quiet: bool = False


class Sidebar(Widget, can_focus=False):
    """Rooms above, members below."""

    ALLOW_SELECT = False

    class RoomChosen(Message):
        """A room was clicked on."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    class MemberChosen(Message):
        """A member was clicked on."""

        def __init__(self, nick: str) -> None:
            super().__init__()
            self.nick = nick

    def __init__(self, styles: Styles, look_alikes: LookAlikes, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id)
        self.styles_of = styles
        self._look_alikes = look_alikes
        self._rooms: tuple[SidebarRoom, ...] = ()
        self._members: tuple[Member, ...] = ()
        self._own = ""
        self._place = -1
        self._ignored: frozenset[str] = frozenset()
        self._top = 0  # of the members: how many are scrolled away

    def show_rooms(self, rooms: tuple[SidebarRoom, ...]) -> None:
        """These are open."""
        if rooms != self._rooms:
            self._rooms = rooms
            self.refresh()

    def show_members(self, members: tuple[Member, ...], own: str, nick: str, ignored: frozenset[str]) -> None:
        """These are here; `own` and `nick` are the reader's fingerprint and nick."""
        place = own_place(members, own, nick)
        if (members, own, place, ignored) != (self._members, self._own, self._place, self._ignored):
            self._members, self._own, self._place, self._ignored = members, own, place, ignored
            self._top = min(self._top, max(0, len(members) - 1))
            self.refresh()

    def paint(self, styles: Styles) -> None:
        """Shows it in another theme."""
        self.styles_of = styles
        self.refresh()

    # Rows --------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Renders a row."""
        width = self.size.width
        spans = self._row(y, width - 2)
        return spans_strip([(" ", ""), *spans], width, self.styles_of, "side")

    def _row(self, y: int, width: int) -> list[Span]:
        rooms = len(self._rooms)
        if y == 0:
            return [("Rooms", "faint")]
        if y <= rooms:
            return self._room(y, self._rooms[y - 1], width)
        if y == rooms + 2:
            count = len(self._members)
            return [(f"Here {count}" if count else "Here", "faint")]
        at = y - rooms - 3
        if at < 0:
            return []
        room = self.size.height - rooms - 3
        index = at + self._top
        if at == room - 1 and index < len(self._members) - 1:
            return [(f"  and {len(self._members) - index} more", "faint")]
        return self._member(index, width) if index < len(self._members) else []

    def _room(self, number: int, row: SidebarRoom, width: int) -> list[Span]:
        count = (f"{row.unread}" if row.unread < 1000 else "999+") if row.unread else ""
        if row.mentioned:
            count = f"@ {count}"
        if row.quiet and not row.mentioned:
            count = f"{count} ·" if count else "·"
        name = clip(printable(row.name), max(4, width - 4 - cell_len(count)))
        style = "accent bold" if row.current else "bold" if row.unread else ""
        gap = " " * max(1, width - 2 - cell_len(name) - cell_len(count))
        mark = ("▸ " if row.current else f"{number} " if number < 10 else "  ", "accent" if row.current else "faint")
        state: Span = ("", "")
        if row.state != "good":
            state = ({"warn": "◌ ", "bad": "○ "}[row.state], row.state)
            gap = gap[2:] or " "
        return [mark, state, (name, style), (gap, ""), (count, "accent" if row.mentioned else "soft")]

    def _member(self, index: int, width: int) -> list[Span]:
        member = self._members[index]
        own = bool(self._own) and member.from_ == self._own
        rtt = (
            ""
            if member.rtt_ms is None or own
            else f" {member.rtt_ms:.0f}"
            if member.rtt_ms >= 10
            else f" {member.rtt_ms:.1f}"
        )
        side = ("you" if index == self._place else "also you") if own else f"{path_words(member.path, short=True)}{rtt}"
        side = clip(printable(side), 12)
        alike = self._look_alikes.alike(member.nick) if not own else ""
        mark: Span = ("! ", "alarm") if alike else ("● ", "faint" if member.path in ("none", "offline") else "good")
        tail: Span = (" ✓", "good") if member.verified else ("", "")
        head: Span = ("", "") if member.verified else ("~", "soft")
        room = max(4, width - 3 - cell_len(side) - cell_len(tail[0]) - cell_len(head[0]))
        name = clip(printable(member.nick), room)
        style = "faint" if member.nick in self._ignored else f"nick {member.nick}"
        if alike:
            side = clip(f"like {printable(alike)}", max(4, width - cell_len(name) - 6))
        gap = " " * max(1, width - 2 - cell_len(head[0] + name + tail[0] + side))
        return [mark, head, (name, style), tail, (gap, ""), (side, "alarm" if alike else "faint")]

    # Events ------------------------------------------------------------------------------------------------

    def on_click(self, event: Click) -> None:
        """A row was clicked on."""
        event.stop()
        rooms = len(self._rooms)
        if 1 <= event.y <= rooms:
            self.post_message(self.RoomChosen(event.y - 1))
        elif 0 <= (index := event.y - rooms - 3 + self._top) < len(self._members) and event.y >= rooms + 3:
            self.post_message(self.MemberChosen(self._members[index].nick))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Towards the first member."""
        event.stop()
        self._top = max(0, self._top - 3)
        self.refresh()

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Towards the last member."""
        event.stop()
        room = self.size.height - len(self._rooms) - 3
        self._top = max(0, min(self._top + 3, len(self._members) - room))
        self.refresh()
