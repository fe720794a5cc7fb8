"""The entries of one room in order. An entry has a serial that never changes; the oldest go when there are too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sandpiper.chat.ignored import Ignored
from sandpiper.common.limits import SCROLLBACK_BYTES, SCROLLBACK_MESSAGES
from sandpiper.tui.grouping import Grouping
from sandpiper.tui.timeline_entry import TimelineEntry

_MENTIONS: Final = 1000
_TRIM: Final = 500


class EntryList:
    """Entries by their serials, oldest first. Below them stand the reader's own messages that are under way."""

    def __init__(self, *, most: int = SCROLLBACK_MESSAGES, most_bytes: int = SCROLLBACK_BYTES) -> None:
        self.ignored = Ignored(self.again)
        self.pending: dict[str, TimelineEntry] = {}
        self.unread_from: int | None = None
        self.first = 0
        """The serial of the first entry that is shown; those before it have been cleared away."""
        self.oldest = 0
        """The serial of the first entry that there is."""
        self.version = 0
        self._mentions: list[int] = []
        self._entries: list[TimelineEntry] = []
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._grouping = Grouping()

    # Reading -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[TimelineEntry]:
        return iter(self._entries)

    @property
    def end(self) -> int:
        """The serial that the next entry will have."""
        return self.oldest + len(self._entries)

    def at(self, serial: int) -> TimelineEntry:
        """The entry of that serial; those under way follow the others."""
        index = serial - self.oldest
        if index < len(self._entries):
            return self._entries[index]
        return list(self.pending.values())[index - len(self._entries)]

    @property
    def stop(self) -> int:
        """The serial after the last one, those under way included."""
        return self.end + len(self.pending)

    @property
    def mentions(self) -> list[int]:
        """Serials of entries that name the reader."""
        return [serial for serial in self._mentions if serial >= self.first]

    # Changing ----------------------------------------------------------------------------------------------

    def add(self, entry: TimelineEntry) -> TimelineEntry:
        """Appends an entry."""
        entry.serial = self.end
        self._entries.append(entry)
        self._bytes += entry.size
        self.version += 1
        self._grouping.place(entry)
        if entry.mentioned:
            self._mentions.append(entry.serial)
            del self._mentions[:-_MENTIONS]
        if len(self._entries) > self._most + _TRIM or self._bytes > self._most_bytes:
            self._trim()
        return entry

    def put_above(self, entries: list[TimelineEntry]) -> None:
        """Puts entries above all others."""
        if not entries:
            return
        size = sum(entry.size for entry in entries)
        was, below, self._grouping = self._entries[:1], self._grouping, Grouping()
        for entry in entries:
            self._grouping.place(entry)
        for entry in was:  # which was the first until now
            self._grouping.place(entry)
            entry.version += 1
        if len(self._entries) > 1 or not was:
            self._grouping = Grouping(below.last or self._grouping.last, below.day or self._grouping.day)
        whole = self.first == self.oldest
        self.oldest -= len(entries)
        self._entries[:0] = entries
        for serial, entry in enumerate(entries, self.oldest):
            entry.serial = serial
        self._mentions[:0] = [entry.serial for entry in entries if entry.mentioned]
        if whole:
            self.first = self.oldest
        self._bytes += size
        self.version += 1

    def clear(self) -> None:
        """Shows nothing of what has been; it is still there for who looks for it."""
        self.first = self.end
        self.unread_from = None
        self._grouping = Grouping()
        self.version += 1

    def uncover(self) -> None:
        """Shows again what has been cleared away."""
        if self.first > self.oldest:
            self.first = self.oldest
            self.again()

    def again(self) -> None:
        """Hides and groups every entry anew, because the ignored people have changed, or what is shown."""
        cleared = self.first - self.oldest
        for entries in (self._entries[:cleared], self._entries[cleared:]):
            self._grouping = Grouping()
            for entry in entries:
                if entry.message is not None:
                    entry.hidden = not entry.own and self.ignored.hides(entry.message.nick, entry.message.from_)
                self._grouping.place(entry)
                entry.version += 1
        self.version += 1

    def _trim(self) -> None:
        count = 0
        while len(self._entries) - count > 1 and (
            len(self._entries) - count > self._most or self._bytes > self._most_bytes * 3 // 4
        ):
            self._bytes -= self._entries[count].size
            count += 1
        del self._entries[:count]
        self.oldest += count
        self.first = max(self.first, self.oldest)
        while self._mentions and self._mentions[0] < self.oldest:
            del self._mentions[0]
        if self.unread_from is not None and self.unread_from < self.first:
            self.unread_from = self.first

    def keep_first(self, kept: list[TimelineEntry], end: int) -> None:
        """Puts these entries in place of all before the serial `end`."""
        whole = self.first == self.oldest
        self._entries[: end - self.oldest] = kept
        self.oldest = end - len(kept)
        for serial, entry in enumerate(kept, self.oldest):
            entry.serial = serial
        self.first = self.oldest if whole else max(self.first, self.oldest)
        self._mentions = [entry.serial for entry in self._entries if entry.mentioned][-_MENTIONS:]
        self._bytes = sum(entry.size for entry in self._entries)
        self.again()
