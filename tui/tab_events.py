"""Turns the events of a room into entries of its timeline, and into its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sandpiper.chat.wording import GOES_ON, counted, found, held_up
from sandpiper.common.legacy import RoomCreated
from sandpiper.common.limits import SCREEN_MEMBERS_SETTLE_S
from sandpiper.common.messages import Found, Lost, Message, Notice, Trimmed, Whisper
from sandpiper.peer.events import (
    CodeChanged,
    Delivered,
    Entered,
    Event,
    Failed,
    Held,
    PathChanged,
    Received,
    Resumed,
    Warned,
)
from sandpiper.tui.tab_state import TabState
from sandpiper.tui.timeline_entry import TimelineEntry

ALARMING: Final = frozenset(("key", "cheat", "guess", "kick"))
"""Kinds of warnings that a reader must not overlook."""


class TabEvents:
    """Takes a room's events. `keep` gets each message; `heard` what somebody else has said, if it is not hidden."""

    def __init__(
        self,
        tab: TabState,
        keep: Callable[[Message], None],
        join_line: Callable[[str, bool], str],
        heard: Callable[[TimelineEntry], None],
    ) -> None:
        self._tab = tab
        self._keep = keep
        self._make_line = join_line
        self._tell = heard

    def handle(self, event: Event, now: float, clock: float) -> None:
        """Takes note of one event. `now` is the time of day, `clock` that of the members' next asking."""
        tab = self._tab
        match event:
            case Received():
                self._received(event)
            case Delivered():
                tab.model.delivered(event.id, event.seq)
            case Failed():
                if tab.model.failed(event.id, event.text) is None:
                    tab.model.say("bad", f"not stored: {event.text}", now)
            case Held():
                tab.held = event.text
                tab.model.say("bad", held_up(event), now)
            case Resumed():
                tab.held = ""
                tab.model.say("note", GOES_ON, now)
            case Whisper():
                tab.meet(event.nick)
                self._heard(tab.model.whisper(event))
            case Notice():
                self._noticed(event, clock)
            case Entered():
                self._entered(event, now)
            case PathChanged():
                self._path_changed(event, now)
            case Lost():
                lost = counted(event.count, "message")
                tab.model.say("bad", f"{lost} lost: nobody has them any more. Ask for them again.", now)
            case Found():
                tab.model.say("note", found(event), now)
            case Trimmed():
                tab.model.say("note", "what is older than this has been removed from the room's log", now)
            case Warned():
                tab.model.say("bad" if event.kind in ALARMING else "warn", event.text, now)
            case RoomCreated():
                tab.model.say("note", f"the room's code is {event.code}", now)
                tab.model.say("note", "others join with this line:", now)
                tab.model.say("note", self._join_line(event.code), now)
            case CodeChanged():
                self._code_changed(event, now)

    def _code_changed(self, event: CodeChanged, now: float) -> None:
        tab = self._tab
        tab.name = tab.room.name if tab.room is not None else tab.name
        also = f", and the password {event.password}" if event.password is not None else ""
        tab.model.say("warn", f"the room has another code now: {event.code}{also}. The old one opens it no longer", now)
        tab.model.say("note", self._join_line(event.code), now)

    def _join_line(self, code: str) -> str:
        room = self._tab.room
        return self._make_line(code, room is not None and room.password_needed)

    def _received(self, event: Received) -> None:
        tab, message = self._tab, event.message
        if tab.room is not None:
            tab.older.heard(message, one_log=tab.room.code is None)
        alone = event.own and tab.room is not None and tab.room.path == "alone"
        entry = tab.model.message(message, own=event.own, old=event.backlog or event.late, alone=alone)
        self._keep(message)
        if entry is None:
            return
        if not event.own:
            tab.meet(message.nick)
            if not event.backlog:
                self._heard(entry)

    def _heard(self, entry: TimelineEntry) -> None:
        if not entry.hidden:
            self._tell(entry)

    def _noticed(self, notice: Notice, clock: float) -> None:
        tab = self._tab
        own = tab.room is not None and (notice.from_, notice.nick) == (tab.room.fingerprint, tab.room.nick)
        if not own or notice.event not in ("join", "leave"):  # the others saw one go, as with Ctrl+Z, and come back
            tab.model.notice(notice)
        if notice.event == "join":
            tab.older.entered()
        if notice.event in ("join", "leave", "nick"):
            tab.members_due = min(tab.members_due, clock + SCREEN_MEMBERS_SETTLE_S)
        if notice.nick:
            tab.meet(notice.nick)
        if tab.room is not None:
            tab.model.called(tab.room.nick)

    def _entered(self, event: Entered, now: float) -> None:
        tab = self._tab
        if not event.again:
            tab.held = ""
        tab.older.entered()
        tab.model.called(event.nick)
        tab.members_due = 0.0
        if tab.room is not None:
            tab.name = tab.room.name
        words = f"back in {tab.name} as {event.nick}" if event.again else f"in {tab.name} as {event.nick}"
        tab.model.say("note", words, now)

    def _path_changed(self, event: PathChanged, now: float) -> None:
        tab = self._tab
        if event.path == "offline":
            tab.model.say(
                "warn", f"{event.text or 'not connected'}; connecting again, and sending then what you write", now
            )
        elif event.text:
            tab.model.say("note", event.text, now)
        tab.members_due = 0.0
