"""An outage of the log: from the first commit that fails until none has failed for a while.

Who has been told is kept here, so that each is told once, and again when it is over. A disk with a few bytes left
takes one batch and not the next: all that is one outage.
"""

from __future__ import annotations

from sandpiper.broker.log import StoreError
from sandpiper.broker.session import ClientSession
from sandpiper.common.limits import ROOMS, STORE_CALM_S

_OURS = "a fault of its own"
_NO_MEMORY = "it has no memory left"


class Outage:
    """An outage of a broker's log; `on` while it lasts.

    `outside` is why, for everybody but the operator, whom `reason` tells more.
    """

    def __init__(self) -> None:
        self.on = False
        self.reason = ""
        self.outside = ""
        self.news: list[str] = []
        """What the operator has not been told yet."""
        self.guests: dict[ClientSession, set[str]] = {}
        """JSON-lines clients, and the rooms to which they published in vain."""
        self.rooms: set[str] = set()
        """Rooms to which tools at the plain doors did."""
        self._turned_away = 0
        self._unread = ""
        self._began_at = self._failed_at = 0.0

    def failed(self, error: Exception, count: int, now: float) -> None:
        """Notes that a commit of `count` publications failed."""
        if isinstance(error, StoreError):
            self.reason, self.outside = str(error), error.outside
        elif isinstance(error, MemoryError):
            self.reason, self.outside = "no memory is left; raise the limit, or end other programs", _NO_MEMORY
        else:
            self.reason, self.outside = f"{type(error).__name__}: {error}", _OURS
        if not self.on:
            self.on, self._began_at, self._turned_away = True, now, 0
            self.news.append(f"nothing can be stored: {self.reason}")
        self._turned_away += count
        self._failed_at = now

    def unreadable(self, error: StoreError) -> str:
        """Notes that a read failed. Returns what to tell who asked."""
        if str(error) != self._unread:
            self._unread = str(error)
            self.news.append(f"what was asked for cannot be read: {error}")
        return f"the broker's log cannot be used now: {error.outside}"

    def tool(self, room: str) -> bool:
        """Notes that a tool published in vain. Returns whether the tools of that room are to be told."""
        if room in self.rooms or len(self.rooms) >= ROOMS:
            return False
        self.rooms.add(room)
        return True

    def guest(self, session: ClientSession, room: str) -> None:
        """Notes that a JSON-lines client published in vain."""
        self.guests.setdefault(session, set()).add(room)

    def depart(self, session: ClientSession) -> None:
        """Forgets a session that has gone."""
        self.guests.pop(session, None)

    def get_timer(self) -> float | None:
        """When it is to be looked whether it is over: as soon as can be."""
        return self._failed_at if self.on else None

    def over(self, now: float) -> bool:
        """To be called when the log could be written: whether the outage is over with that."""
        if not self.on or now - self._failed_at < STORE_CALM_S:
            return False
        self.on = False
        lasted = now - self._began_at
        self.news.append(f"the log is written again, after {lasted:.0f} s ({self._turned_away} were turned away)")
        return True
