"""What was said before: page by page, what the room still has, and then what was kept on this machine.

What the history file has at the start stands right above what the room tells, if nothing is missing in between. If
something is, it waits: the hole is filled first, as far as anybody can.
"""

from __future__ import annotations

from typing import Protocol

from sandpiper.common.limits import OLDER_MESSAGES, SCROLLBACK_MESSAGES
from sandpiper.common.messages import Message
from sandpiper.peer.view import RoomView
from sandpiper.tui.timeline_model import TimelineModel

_FULL = f"a screen keeps no more than {SCROLLBACK_MESSAGES:,} messages of a room, or 24 MiB"
_KEPT = "What stands above was kept on this machine"


class KeptMessages(Protocol):
    """The messages that were kept on this machine; the history file is such."""

    async def upto(self, room: str, message: Message, limit: int, *, with_it: bool) -> list[Message]:
        """Returns the messages of a room from before that one, or up to it, oldest first."""


class OlderMessages:
    """Fetches older messages into a room's `model`. `why` says in a line why there was nothing more."""

    def __init__(self, model: TimelineModel) -> None:
        self.why = ""
        self._model = model
        self._known: set[tuple[str, int]] = set()
        self._runs: set[str] = set()
        self._started: set[str] = set()
        self._next: tuple[Message, bool] | None = None  # where the history file goes on, and whether with that one
        self._newest: Message | None = None
        self._hole = False
        self._told_all = False

    def entered(self) -> None:
        """The room has been entered, or others have come who may have more."""
        self._told_all = False

    def stored(self, messages: list[Message], own: str, *, one_log: bool) -> None:
        """Shows what the history file has, as far as nothing is missing. `one_log`: a broker's, without holes."""
        self._known = {(each.run, each.seq) for each in messages}
        self._runs = {each.run for each in messages}
        first = self._unbroken(messages) if one_log else 0
        self._model.stored(messages[first:], own)
        self._hole = first > 0
        if messages:
            self._next = (messages[first - 1], True) if self._hole else (messages[0], False)
            self._newest = messages[-1]

    def _unbroken(self, messages: list[Message]) -> int:
        """Returns the index from which on nothing is missing."""
        for index in range(len(messages) - 1, 0, -1):
            if not self._follows(messages[index]):
                return index
        return 0

    def _follows(self, message: Message) -> bool:
        return message.seq == 1 or (message.run, message.seq - 1) in self._known

    def heard(self, message: Message, *, one_log: bool) -> None:
        """The room tells of a message; the first of a log shows whether something is missing before it."""
        if self._newest is None or message.run in self._started:
            return
        self._started.add(message.run)
        if self._follows(message) or not (one_log or message.run in self._runs):
            return
        self._model.cut()
        self._next, self._hole = (self._newest, True), True
        self._newest = None

    async def load(self, room: RoomView, history: KeptMessages | None, key: str, now: float) -> int:
        """Puts older messages above the others; how many. One call at a time. Raises Refusal."""
        count = 0 if self._told_all else await self._from_room(room)
        if not count and not self._model.full and history is not None:
            count = await self._from_file(room, history, key, now)
        self.why = "" if count else _FULL if self._model.full else room.no_older
        return count

    async def _from_room(self, room: RoomView) -> int:
        before = self._model.begins
        while page := await room.older(before):
            if count := self._model.prepend(page, room.fingerprint):
                return count
            if self._model.full:
                return 0
            before = page[0]
        self._told_all = True
        return 0

    async def _from_file(self, room: RoomView, history: KeptMessages, key: str, now: float) -> int:
        while self._next is not None:
            message, with_it = self._next
            page = await history.upto(key, message, OLDER_MESSAGES, with_it=with_it)
            self._next = (page[0], False) if page else None
            if page and self._hole and not self._joins(page[-1]):
                why = room.no_older or "messages are missing here"
                self._model.remark(f"{why}. {_KEPT}", now)
            self._hole = self._hole and not page
            if count := self._model.prepend(page, room.fingerprint):
                return count
        return 0

    def _joins(self, newest: Message) -> bool:
        """Whether the newest that was kept is here already, or comes right before the oldest that is."""
        begins = self._model.begins
        return begins is not None and (
            self._model.has(newest) or (begins.run, begins.seq) == (newest.run, newest.seq + 1)
        )
