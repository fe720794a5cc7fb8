"""A strand: one session's talk, followed backwards: first as it is held here, then as others give it."""

from __future__ import annotations

from typing import TypeAlias

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import OLDER_MESSAGES
from sandpiper.common.p2p import envelope as envelopes
from sandpiper.common.p2p.envelope import TALK, Envelope
from sandpiper.common.p2p.packets import Page, Pull
from sandpiper.peer.p2p.replication.track import Track

Key: TypeAlias = "tuple[int, bytes]"
"""Where an entry stands in the room's order: its Lamport time, and whose it is."""


class Strand:
    """`next` is the newest entry that has not been told yet, 0 for none; `clock` its Lamport time, once that is known.

    `tried` are those who had nothing to give, `tries` is how often the one being asked has not answered; it is `over`
    when there is nobody left to ask.
    """

    def __init__(self, session: bytes, track: Track, newest: int) -> None:
        self.session = session
        self.next = newest
        self.clock: int | None = None
        self.tried: set[bytes] = set()
        self.tries = 0
        self.over = False
        self.bytes = 0
        self._track = track
        self._given: list[Envelope] = []  # what others gave of before the log here begins: ends at `next`
        self._link: bytes | None = None  # the hash of the envelope that ends at `next`, if what follows it is known
        self._before: int | None = None  # and the Lamport time of what follows, which is later
        self._span = OLDER_MESSAGES

    @property
    def key(self) -> Key:
        """Where its next entry stands."""
        return self.clock or 0, self.session

    @property
    def current(self) -> Envelope | None:
        """The envelope of the next entry, if it is here."""
        if self._given:
            return self._given[-1]
        return self._track.log.upto(self.next) if self.next >= self._track.log.start else None

    def find_next(self) -> bool:
        """Finds the next entry, passing over what was lost; whether it is here."""
        current = self.current
        if current is None:
            return False
        self.next = min(self.next, current.last)
        self.clock = current.clock + self.next - current.first
        return True

    def go_on(self) -> None:
        """Goes on with the entry before: the next one has been told."""
        current = self.current
        assert current is not None
        self.next -= 1
        if self.next < current.first:
            self._link, self._before, self.clock = current.prev, current.clock, None
            if self._given:
                self._given.pop()
                self.bytes -= len(current.raw)
        self.find_next()

    def forget(self) -> None:
        """Gives up what others gave and is not begun: it can be asked for again."""
        if self._given and self._given[-1].last == self.next:
            self._given.clear()
            self.bytes = 0

    def asks(self, r: int) -> Pull:
        """The request for what comes before, or for what has been given up."""
        return Pull(r, self.session, TALK, max(0, self.next - self._span))

    def take(self, page: Page, room: bytes) -> tuple[bool, tuple[Envelope, Envelope] | None]:
        """Whether a page has helped, or it may help to ask its giver again; and a proof, if it shows two histories."""
        found = _read(page, room, self.session)
        upto = [each for each in found if each.last <= min(self.next, self._track.limit)]
        if not upto or upto[-1].last != self.next:
            # A page ends where it is full: long messages come in shorter ones. None at all means that there are none.
            again = bool(upto) and self._span > 1
            self._span = max(1, self._span // 8)
            return again, None
        held = self._track.log.oldest
        if held is not None and envelopes.conflict(held, upto[-1]) and envelopes.genuine(upto[-1]):
            return False, (held, upto[-1])
        self._given = self._chained(upto)
        if not self._given:
            return False, None
        self.bytes = sum(len(each.raw) for each in self._given)
        self._span, self.tries = min(self._span * 4, OLDER_MESSAGES), 0
        return self.find_next(), None

    def _chained(self, upto: list[Envelope]) -> list[Envelope]:
        """The last of these envelopes, as many as the session has signed and follow one another."""
        chained: list[Envelope] = []
        last, link, before = self.next, self._link, self._before
        for each in reversed(upto):
            if each.last != last or each.run != upto[-1].run or (link is not None and each.hash != link):
                break
            if (before is not None and each.latest >= before) or not envelopes.genuine(each):
                break
            chained.append(each)
            last, link, before = each.first - 1, each.prev, each.clock
        return chained[::-1]


def _read(page: Page, room: bytes, session: bytes) -> list[Envelope]:
    found: list[Envelope] = []
    for raw in page.envelopes:
        try:
            each = envelopes.parse(raw)
        except Refusal:
            continue
        if (each.room, each.session, each.stream) == (room, session, TALK):
            found.append(each)
    return found
