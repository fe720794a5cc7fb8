"""Pages of a room's log, which a broker sends on request: what they give, and what they lack."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sandpiper.common import batch, control
from sandpiper.common.errors import Code
from sandpiper.common.messages import Lost, Message, Trimmed
from sandpiper.common.repair import Repair
from sandpiper.peer.events import Event, Warned


class PageReader:
    """Reads pages into the repair of one room's log, and gives out what is complete by `give_out`.

    Losses, and a log that cannot be read for now, go to `events`.
    """

    def __init__(self, room: str, give_out: Callable[[Message], None], events: deque[Event]) -> None:
        self._room = room
        self._give_out = give_out
        self._events = events
        self._unread = False

    def refused(self, reply: control.Refused) -> None:
        """The broker sends no page; a person is told once if its log is the reason."""
        if reply.code == Code.STORE.value and not self._unread:
            self._unread = True
            text = f"what was said before cannot be fetched: {reply.text}. Asking again"
            self._events.append(Warned("storage", text))

    def read(self, after: int, page: control.Page, repair: Repair[Message], now: float) -> None:
        """Reads a page that was asked for from above `after`."""
        if self._unread:
            self._unread = False
            self._events.append(Warned("storage", "what was said before can be fetched again"))
        first = max(after + 1, page.start)
        entries = [(each.seq, each.seq, each) for each in batch.decode_all(page.blocks) if each.seq >= first]
        # Of a page that has something, but nothing that this version can read, only the first is given up.
        head = page.head if entries or not page.blocks else first
        repaired = repair.page(after, page.start, head, entries, now)
        if repaired.trimmed_to is not None:
            self._events.append(Trimmed(self._room, repaired.trimmed_to))
        for message in repaired.items:
            self._give_out(message)
        if repaired.lost:
            self._events.append(Lost(self._room, None, repaired.lost))
