"""The timeline of one room: entries made of its messages and notices, and of what the reader has under way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from sandpiper.chat.table import Span
from sandpiper.chat.timestamps import day
from sandpiper.common.limits import SCROLLBACK_BYTES, SCROLLBACK_MESSAGES, SHOWN_CHARS
from sandpiper.common.messages import Message, Notice, Whisper
from sandpiper.tui.entry_list import EntryList
from sandpiper.tui.markup import mention_of
from sandpiper.tui.timeline_entry import MessageKey, TimelineEntry, message_entry, message_key, whisper_entry

_GROUPED: Final = 40
"""Comings and goings in one entry."""
_SAID_OTHERWISE: Final = {"is here": "here", "was removed": "removed"}
_EARLY: Final = 1000
_UNSHARED: Final = 10_000
"""Own messages that nobody else has yet, and whose mark changes when somebody does."""


class TimelineModel(EntryList):
    """The entries of one room, made of what happens in it."""

    def __init__(self, *, most: int = SCROLLBACK_MESSAGES, most_bytes: int = SCROLLBACK_BYTES) -> None:
        super().__init__(most=most, most_bytes=most_bytes)
        self.full = False
        """Whether there was no room for all of the older ones."""
        self._stored: set[MessageKey] = set()
        self._confirmed: set[MessageKey] = set()  # of them, those that the room has told of too
        self._stored_end = 0
        self._early: set[str] = set()
        self._unshared: dict[str, TimelineEntry] = {}
        self._me: re.Pattern[str] | None = None
        self._nick = ""

    @property
    def mention(self) -> re.Pattern[str] | None:
        """Finds the reader's own nick."""
        return self._me

    def called(self, nick: str) -> None:
        """The reader's nick is `nick` from now on."""
        if nick != self._nick:
            self._nick, self._me = nick, mention_of(nick)

    # Adding ------------------------------------------------------------------------------------------------

    def message(
        self, message: Message, *, own: bool = False, old: bool = False, alone: bool = False
    ) -> TimelineEntry | None:
        """A message that has its place; None for one that is here already. Who is `alone` has it alone, until
        somebody comes to whom it is delivered.
        """
        name = message_key(message)
        if old and name in self._stored:
            self._stored.discard(name)
            self._confirmed.add(name)
            return None
        if own and not old and self.pending.pop(message.id, None) is None:
            if len(self._early) >= _EARLY:
                self._early.clear()
            self._early.add(message.id)  # it came back before one knew its name
        entry = self._spoken(message, own=own, old=old)
        if own and alone and not old:
            entry.mark = "…"
            self._unshared[message.id] = entry
            if len(self._unshared) > _UNSHARED:
                del self._unshared[next(iter(self._unshared))]
        return entry

    def _spoken(self, message: Message, *, own: bool, old: bool) -> TimelineEntry:
        return self.add(self._made(message, own=own, old=old))

    def _made(self, message: Message, *, own: bool, old: bool) -> TimelineEntry:
        entry = message_entry(message, own=own, old=old)
        entry.hidden = self.ignored.hides(message.nick, message.from_)
        if self._me is not None and not own and not entry.hidden and entry.kind != "data":
            entry.mentioned = self._me.search(entry.text, 0, SHOWN_CHARS) is not None
        return entry

    def prepend(self, messages: Iterable[Message], own: str) -> int:
        """Older ones that are not here yet, as far as there is room; how many. `own` is the reader's fingerprint."""
        here = {message_key(each) for each in self._messages()}
        room = self._most - len(self._entries)
        older = [each for each in messages if message_key(each) not in here][-room:] if room > 0 else []
        entries = [self._made(each, own=bool(own) and each.from_ == own, old=True) for each in older]
        while entries and self._bytes + sum(entry.size for entry in entries) > self._most_bytes * 3 // 4:
            entries = entries[len(entries) // 2 + 1 :]
        self.full = len(entries) < len(older) or room <= len(older)
        self.put_above(entries)
        return len(entries)

    def remark(self, text: str, ts: float) -> None:
        """A line of the screen's own above all others."""
        self.put_above([TimelineEntry("note", ts, text)])

    def _messages(self) -> Iterator[Message]:
        for entry in self._entries:
            if entry.message is not None and not isinstance(entry.message, Whisper):
                yield entry.message

    def has(self, message: Message) -> bool:
        """Returns whether the message is among the entries."""
        name = message_key(message)
        return any(message_key(each) == name for each in self._messages())

    @property
    def begins(self) -> Message | None:
        """The oldest stored message; None without any."""
        return next(self._messages(), None)

    def cut(self) -> None:
        """Takes out what the history file had and the room has not told of: between it and the rest there is a hole."""
        count = self._stored_end - self.oldest
        if count <= 0:
            return
        told, self._stored = self._confirmed, set()
        kept = [
            entry
            for entry in self._entries[:count]
            if entry.message is None or isinstance(entry.message, Whisper) or message_key(entry.message) in told
        ]
        self.keep_first(kept, self._stored_end)

    def stored(self, messages: Iterable[Message], own: str) -> None:
        """Adds what the history file had, before anything else is said; `own` is the reader's fingerprint."""
        for message in messages:
            self._stored.add(message_key(message))
            self._spoken(message, own=bool(own) and message.from_ == own, old=True)
        self._stored_end = self.end

    def whisper(self, whisper: Whisper, *, sent: bool = False) -> TimelineEntry:
        """A line for one person, to the reader or from."""
        entry = whisper_entry(whisper, sent=sent)
        entry.hidden = not sent and self.ignored.hides(whisper.nick, whisper.from_)
        entry.mentioned = not sent and not entry.hidden
        return self.add(entry)

    def notice(self, notice: Notice) -> TimelineEntry:
        """Adds that people came or went, or took another nick: many are one entry."""
        if notice.event not in ("join", "leave") or notice.nick is None:
            return self.add(TimelineEntry("notice", float(notice.ts), notice.text))
        event = _SAID_OTHERWISE.get(notice.text.removeprefix(f"{notice.nick} "), notice.event)
        last = self._entries[-1] if self.end > self.first else None
        if last is not None and last.people and len(last.people) < _GROUPED and day(last.ts) == day(notice.ts):
            pair = ("leave" if notice.event == "join" else "join", notice.nick)
            if notice.event == "join" and pair in last.people:
                last.people = (*(each for each in last.people if each != pair), ("back", notice.nick))
            else:
                last.people = (*last.people, (event, notice.nick))
            last.ts = float(notice.ts)
            last.version += 1
            self.version += 1
            return last
        return self.add(TimelineEntry("notice", float(notice.ts), people=((event, notice.nick),)))

    def say(self, kind: str, text: str, ts: float) -> TimelineEntry:
        """Adds a line of the screen's own: note, warn or bad."""
        return self.add(TimelineEntry(kind, ts, text))

    def table(self, lines: list[list[Span]], ts: float) -> TimelineEntry:
        """Adds several lines of the screen's own, laid out."""
        return self.add(TimelineEntry("table", ts, lines=tuple(lines)))

    # What is under way -------------------------------------------------------------------------------------

    def post(self, name: str, kind: str, text: str, ts: float) -> None:
        """Adds an own line that is under way as `name`; it stands below all others until it has its place."""
        goes_on = self._grouping.goes_on(kind, ts, list(self.pending.values())[-1] if self.pending else None)
        self.pending[name] = TimelineEntry(kind, ts, text, self._nick, own=True, mark="…", head=not goes_on)
        self.version += 1

    def posted(self, local: str, name: str) -> None:
        """Takes note that what was under way as `local` has the id `name`."""
        if name in self._early:
            self._early.discard(name)
            self.pending.pop(local, None)
        elif local in self.pending:
            self.pending = {name if key == local else key: entry for key, entry in self.pending.items()}
        self.version += 1

    def delivered(self, name: str, seq: int) -> None:
        """Marks a line as stored; without a `seq` it will not come back, so its place is here."""
        entry = self.pending.get(name) or self._unshared.pop(name, None)
        if entry is None:
            return
        entry.mark = "✓"
        entry.version += 1
        self.version += 1
        if seq == 0 and name in self.pending:
            del self.pending[name]
            self.add(entry)

    def failed(self, name: str, text: str) -> TimelineEntry | None:
        """Marks a line as refused for good, and returns its entry, if it was under way."""
        entry = self.pending.pop(name, None)
        if entry is not None:
            entry.mark = f"✗ not sent: {text}"
            entry.version += 1
            self.add(entry)
        return entry
