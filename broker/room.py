"""A room: its seats, its nicks, and where its log stands."""

from __future__ import annotations

from sandpiper.broker.nickbook import NickBook
from sandpiper.broker.session import ClientSession, Seat
from sandpiper.common.messages import Member


class HostedRoom:
    """A room of this broker.

    `head` is the last seq given, staged ones included; `last` the last seq of each type; `published` the last number
    taken from each numbering publisher; `told` the seated sessions that the bus does not reach: guests, and those who
    subscribed by control.
    """

    __slots__ = ("book", "head", "last", "name", "published", "run_start", "seats", "told")

    def __init__(self, name: str, head: int = 0, run_start: int = 1, last: dict[str, int] | None = None) -> None:
        self.name = name
        self.head = head
        self.run_start = run_start
        self.last: dict[str, int] = last or {}
        self.published: dict[bytes, int] = {}
        self.seats: dict[ClientSession, Seat] = {}
        self.told: dict[ClientSession, None] = {}
        self.book = NickBook()

    def members(self) -> list[Member]:
        """The members who are present, in the order in which they came."""
        return [
            Member(seat.nick, session.fingerprint, seat.verified, session.path, session.rtt_ms)
            for session, seat in self.seats.items()
            if seat.member
        ]

    def holders(self, nick: str) -> list[ClientSession]:
        """The sessions whose nick is just `nick`, members or not."""
        return [session for session, seat in self.seats.items() if seat.nick == nick]

    @property
    def forgettable(self) -> bool:
        """Whether nothing would be lost with it."""
        return not (self.seats or self.head or self.published or self.book.owners)
