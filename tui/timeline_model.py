"""What one room has to show: its entries in order, what is under way, and where one has read up to.

Pure. Entries have a serial that never changes; the oldest go when there are too many, and the history file keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from sandpiper.chat.ignored import Ignored
from sandpiper.chat.table import Span
from sandpiper.chat.timestamps import day
from sandpiper.common.limits import (
    DATA_COLUMNS,
    SCREEN_GROUP_S,
    SCROLLBACK_BYTES,
    SCROLLBACK_MESSAGES,
    SHOWN_CHARS,
)
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Data, Me, Message, Notice, Whisper
from sandpiper.tui.markup import mention_of

TALK: Final = frozenset(("msg", "data", "whisper", "whispered"))
"""Kinds that stand under their sender's name."""
_GROUPED: Final = 40
"""Comings and goings in one entry."""
_MENTIONS: Final = 1000
_TRIM: Final = 500
_EARLY: Final = 1000
Name: TypeAlias = "tuple[str, int, str | None]"
_UNSHARED: Final = 10_000
"""Own messages that nobody else has yet, and whose mark changes when somebody does."""


@dataclass(slots=True)
class TimelineEntry:
    """One thing in the timeline. `kind` is msg, me, data, whisper, whispered, notice, note, warn, bad or table."""

    kind: str
    ts: float
    text: str = ""
    nick: str = ""
    from_: str | None = None
    verified: bool = True
    own: bool = False
    old: bool = False
    mentioned: bool = False
    mark: str = ""
    head: bool = False
    day: str = ""
    hidden: bool = False
    serial: int = -1
    version: int = 0
    message: Message | Whisper | None = None
    lines: tuple[list[Span], ...] = ()
    people: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        """What it takes in memory, about."""
        return len(self.text) * (1 if self.text.isascii() else 4) + 200


class TimelineModel:
    """One room's entries."""

    def __init__(self, *, most: int = SCROLLBACK_MESSAGES, most_bytes: int = SCROLLBACK_BYTES) -> None:
        self.ignored = Ignored(self.again)
        self.pending: dict[str, TimelineEntry] = {}
        self.unread_from: int | None = None
        self.first = 0
        """The serial of the first entry that is shown; those before it have been cleared away."""
        self.oldest = 0
        """And of the first that there is."""
        self.version = 0
        self.full = False
        """Whether there was no room for all of the older ones."""
        self._mentions: list[int] = []
        self._entries: list[TimelineEntry] = []
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._last: TimelineEntry | None = None  # the last one that is shown, and its day
        self._day = ""
        self._stored: set[Name] = set()
        self._confirmed: set[Name] = set()  # of them, those that the room has told of too
        self._stored_end = 0
        self._early: set[str] = set()
        self._unshared: dict[str, TimelineEntry] = {}
        self._me: re.Pattern[str] | None = None
        self._nick = ""

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
        """One past the last serial, with what is under way."""
        return self.end + len(self.pending)

    @property
    def mentions(self) -> list[int]:
        """Serials of entries that name the reader."""
        return [serial for serial in self._mentions if serial >= self.first]

    @property
    def mention(self) -> re.Pattern[str] | None:
        """Finds the reader's own nick."""
        return self._me

    def called(self, nick: str) -> None:
        """The reader's nick is `nick` from now on."""
        if nick != self._nick:
            self._nick, self._me = nick, mention_of(nick)

    # Adding ------------------------------------------------------------------------------------------------

    def add(self, entry: TimelineEntry) -> TimelineEntry:
        """Appends an entry."""
        entry.serial = self.end
        self._entries.append(entry)
        self._bytes += entry.size
        self.version += 1
        self._place(entry)
        if entry.mentioned:
            self._mentions.append(entry.serial)
            del self._mentions[:-_MENTIONS]
        if len(self._entries) > self._most + _TRIM or self._bytes > self._most_bytes:
            self._trim()
        return entry

    def message(
        self, message: Message, *, own: bool = False, old: bool = False, alone: bool = False
    ) -> TimelineEntry | None:
        """A message that has its place; None for one that is here already. Who is `alone` has it alone, until
        somebody comes to whom it is delivered.
        """
        name = _name(message)
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
        entry = TimelineEntry(
            "data" if isinstance(message, Data) else "me" if isinstance(message, Me) else "msg",
            float(message.ts),
            _data_text(message) if isinstance(message, Data) else message.text,
            message.nick,
            message.from_,
            message.verified,
            own,
            old,
            message=message,
            mark="✓" if own and not old else "",
        )
        entry.hidden = self.ignored.hides(message.nick, message.from_)
        if self._me is not None and not own and not entry.hidden and entry.kind != "data":
            entry.mentioned = self._me.search(entry.text, 0, SHOWN_CHARS) is not None
        return entry

    def prepend(self, messages: Iterable[Message], own: str) -> int:
        """Older ones that are not here yet, as far as there is room; how many. `own` is the reader's fingerprint."""
        here = {_name(each) for each in self._messages()}
        room = self._most - len(self._entries)
        older = [each for each in messages if _name(each) not in here][-room:] if room > 0 else []
        entries = [self._made(each, own=bool(own) and each.from_ == own, old=True) for each in older]
        while entries and self._bytes + sum(entry.size for entry in entries) > self._most_bytes * 3 // 4:
            entries = entries[len(entries) // 2 + 1 :]
        self.full = len(entries) < len(older) or room <= len(older)
        self._put_above(entries)
        return len(entries)

    def remark(self, text: str, ts: float) -> None:
        """A line of the screen's own above all others."""
        self._put_above([TimelineEntry("note", ts, text)])

    def _put_above(self, entries: list[TimelineEntry]) -> None:
        if not entries:
            return
        size = sum(entry.size for entry in entries)
        last, day = self._last, self._day
        was, self._last, self._day = self._entries[:1], None, ""
        for entry in entries:
            self._place(entry)
        for entry in was:  # which was the first until now
            self._place(entry)
            entry.version += 1
        if len(self._entries) > 1 or not was:
            self._last, self._day = last or self._last, day or self._day
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

    def _messages(self) -> Iterator[Message]:
        for entry in self._entries:
            if entry.message is not None and not isinstance(entry.message, Whisper):
                yield entry.message

    def has(self, message: Message) -> bool:
        """Whether it is here."""
        name = _name(message)
        return any(_name(each) == name for each in self._messages())

    @property
    def begins(self) -> Message | None:
        """Its oldest stored message; None without any."""
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
            if entry.message is None or isinstance(entry.message, Whisper) or _name(entry.message) in told
        ]
        whole = self.first == self.oldest
        self._entries[:count] = kept
        self.oldest = self._stored_end - len(kept)
        for serial, entry in enumerate(kept, self.oldest):
            entry.serial = serial
        self.first = self.oldest if whole else max(self.first, self.oldest)
        self._mentions = [entry.serial for entry in self._entries if entry.mentioned][-_MENTIONS:]
        self._bytes = sum(entry.size for entry in self._entries)
        self.again()

    def stored(self, messages: Iterable[Message], own: str) -> None:
        """What the history file had, before anything else is said; `own` is the reader's fingerprint."""
        for message in messages:
            self._stored.add(_name(message))
            self._spoken(message, own=bool(own) and message.from_ == own, old=True)
        self._stored_end = self.end

    def whisper(self, whisper: Whisper, *, sent: bool = False) -> TimelineEntry:
        """A line for one person, to the reader or from."""
        kind = "whispered" if sent else "whisper"
        entry = TimelineEntry(
            kind, float(whisper.ts), whisper.text, whisper.nick, whisper.from_, whisper.verified, sent
        )
        entry.message = whisper
        entry.hidden = not sent and self.ignored.hides(whisper.nick, whisper.from_)
        entry.mentioned = not sent and not entry.hidden
        return self.add(entry)

    def notice(self, notice: Notice) -> TimelineEntry:
        """Somebody came or went, or took another nick: one entry for many."""
        if notice.event not in ("join", "leave") or notice.nick is None:
            return self.add(TimelineEntry("notice", float(notice.ts), notice.text))
        event = "here" if notice.event == "join" and notice.text == f"{notice.nick} is here" else notice.event
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
        """A line of the screen's own: note, warn or bad."""
        return self.add(TimelineEntry(kind, ts, text))

    def table(self, lines: list[list[Span]], ts: float) -> TimelineEntry:
        """Several of them, laid out."""
        return self.add(TimelineEntry("table", ts, lines=tuple(lines)))

    # What is under way -------------------------------------------------------------------------------------

    def post(self, name: str, kind: str, text: str, ts: float) -> None:
        """An own line is under way as `name`; it stands below all others until it has its place."""
        last = list(self.pending.values())[-1] if self.pending else self._last
        goes_on = last is not None and last.own and last.kind == kind and ts - last.ts <= SCREEN_GROUP_S
        self.pending[name] = TimelineEntry(kind, ts, text, self._nick, own=True, mark="…", head=not goes_on)
        self.version += 1

    def posted(self, local: str, name: str) -> None:
        """What was under way as `local` is so as `name`."""
        if name in self._early:
            self._early.discard(name)
            self.pending.pop(local, None)
        elif local in self.pending:
            self.pending = {name if key == local else key: entry for key, entry in self.pending.items()}
        self.version += 1

    def delivered(self, name: str, seq: int) -> None:
        """It is stored; without a `seq` it will not come back with its place, so this is it."""
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
        """It was refused for good; what it was, if it was under way."""
        entry = self.pending.pop(name, None)
        if entry is not None:
            entry.mark = f"✗ not sent: {text}"
            entry.version += 1
            self.add(entry)
        return entry

    # Upkeep ------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Shows nothing of what has been; it is still there for who looks for it."""
        self.first = self.end
        self._last = self.unread_from = None
        self._day = ""
        self.version += 1

    def uncover(self) -> None:
        """Shows again what has been cleared away."""
        if self.first > self.oldest:
            self.first = self.oldest
            self.again()

    def again(self) -> None:
        """Whom one ignores has changed, or what is shown: every entry finds its place anew."""
        cleared = self.first - self.oldest
        for entries in (self._entries[:cleared], self._entries[cleared:]):
            self._last, self._day = None, ""
            for entry in entries:
                if entry.message is not None:
                    entry.hidden = not entry.own and self.ignored.hides(entry.message.nick, entry.message.from_)
                self._place(entry)
                entry.version += 1
        self.version += 1

    def _place(self, entry: TimelineEntry) -> None:
        last, today = self._last, day(entry.ts)
        entry.day = today if today and today != self._day else ""
        entry.head = (
            last is None
            or bool(entry.day)
            or entry.kind not in TALK
            or (last.kind, last.nick, last.from_, last.verified, last.old)
            != (entry.kind, entry.nick, entry.from_, entry.verified, entry.old)
            or not -1 <= entry.ts - last.ts <= SCREEN_GROUP_S
        )
        if not entry.hidden:
            self._day = today or self._day
            self._last = entry

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


def _name(message: Message) -> Name:
    return message.run, message.seq, message.from_


def _data_text(message: Data) -> str:
    return encode_line(message.value)[: DATA_COLUMNS * 4].decode("utf-8", "replace").rstrip("\n")
