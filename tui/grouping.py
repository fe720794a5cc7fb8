"""Messages that follow each other closely stand under one name; a day stands above its first entry."""

from __future__ import annotations

from dataclasses import dataclass

from sandpiper.chat.timestamps import day
from sandpiper.common.limits import SCREEN_GROUP_S
from sandpiper.tui.timeline_entry import TALK, TimelineEntry


@dataclass(slots=True)
class Grouping:
    """The last entry that is shown, and its day: they say how the next one begins."""

    last: TimelineEntry | None = None
    day: str = ""

    def place(self, entry: TimelineEntry) -> None:
        """Marks whether an entry begins under a name of its own (`head`), and a day."""
        last, today = self.last, day(entry.ts)
        entry.day = today if today and today != self.day else ""
        entry.head = (
            last is None
            or bool(entry.day)
            or entry.kind not in TALK
            or (last.kind, last.nick, last.from_, last.verified, last.old)
            != (entry.kind, entry.nick, entry.from_, entry.verified, entry.old)
            or not -1 <= entry.ts - last.ts <= SCREEN_GROUP_S
        )
        if not entry.hidden:
            self.day = today or self.day
            self.last = entry

    def goes_on(self, kind: str, ts: float, last: TimelineEntry | None = None) -> bool:
        """Returns whether an own line of that kind goes on with the reader's last one."""
        last = last or self.last
        return last is not None and last.own and last.kind == kind and ts - last.ts <= SCREEN_GROUP_S
