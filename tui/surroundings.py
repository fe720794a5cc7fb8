"""The surroundings of the timeline: the rooms beside it, and the right end of the last line."""

from __future__ import annotations

from collections.abc import Sequence

from sandpiper.chat.table import Span
from sandpiper.chat.wording import farewell
from sandpiper.tui.sidebar import SidebarRoom
from sandpiper.tui.tab_state import TabState


def sidebar_rooms(tabs: Sequence[TabState], current: TabState) -> tuple[SidebarRoom, ...]:
    """Returns the rooms as the sidebar shows them."""
    return tuple(
        SidebarRoom(tab.name, tab.health, tab.unread, tab.mentioned, tab is current, tab.notify == "none")
        for tab in tabs
    )


def right_end(tabs: Sequence[TabState], current: TabState, below: int, *, beside: bool) -> tuple[Span, ...]:
    """Returns what the last line says at its right end. `below` entries are out of sight; `beside`: so is no member."""
    spans: list[Span] = []
    if below:
        spans.append((f"{below} new below: Ctrl+End", "accent"))
    others = [tab for tab in tabs if tab is not current]
    if elsewhere := sum(tab.unread for tab in others):
        named = any(tab.mentioned for tab in others)
        spans.append((f"{'@ ' if named else ''}{elsewhere} elsewhere: Alt+A", "accent"))
    if not beside and current.members:
        spans.append((f"{len(current.members)} here", "soft"))
    if not spans:
        spans.append(("F1 help", "faint"))
    gap: Span = ("   ", "")
    return tuple(part for span in spans for part in (gap, span))[1:]


def left_words(tab: TabState) -> str:
    """Returns what becomes of a room that is left for another one; nothing for one that was not entered."""
    room = tab.room
    if room is None:
        return ""
    if room.code is not None:
        return farewell(room.code, room.alone, f"/join {room.code}")
    return f"{room.name} is left, and goes on without you; to come back: /join {room.where}/{room.name}"
