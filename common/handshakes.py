"""Handshakes: how many newcomers may be in theirs at a time, and begin in a second. The others wait, so that members
do not.

A CURVE handshake costs libzmq's threads half a millisecond, and they serve whoever has sent something in turn: beside
5,000 newcomers a member's message waits until each of them has had its turn, seconds for each thread on its way. All
5,000 are done at the same moment, too, or none in time: those of a slow machine would begin anew for ever.

So at most `most` are under way, and `rate` begin in a second, which leaves a good machine time for its members. One
that waits for the other end, not for us, costs nothing: after its turn it is not counted any longer, and however far
away or silent some are, the line moves on.

Each household has a line of its own, and they take turns: one that brings thousands keeps the others waiting for one.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from sandpiper.common.buckets import Bucket


class Handshakes:
    """Connections that wait to shake hands, and those that do.

    They are file descriptors: a number comes again, and what is told of one may be late.

    `unread` says whether one has sent something that we have not read; `begin` lets one begin, and says how many
    seconds its turn has; 0 if it is not there any more.
    """

    def __init__(self, most: int, rate: float, *, unread: Callable[[int], bool], begin: Callable[[int], float]) -> None:
        self._most = most
        self._pace = Bucket(rate, most)
        self._rest_s = most / 4 / rate  # so that a crowd comes a few at a time, and not each by a timer of its own
        self._unread = unread
        self._begin = begin
        self._waiting: dict[int, str] = {}
        self._lines: dict[str, dict[int, None]] = {}  # by household, the one whose turn is next first
        self._turns: dict[int, tuple[float, float]] = {}  # of those under way: until when, and how long a turn is
        self._rest_until = -inf

    @property
    def waiting(self) -> int:
        """How many may not begin yet."""
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """How many are counted as being in their handshakes."""
        return len(self._turns)

    def waits(self, fd: int) -> bool:
        """Whether this one may not begin yet."""
        return fd in self._waiting

    def come(self, fd: int, home: str, now: float) -> None:
        """A connection has been accepted, from that household."""
        self.gone(fd, now)
        self._waiting[fd] = home
        self._lines.setdefault(home, {})[fd] = None
        self._proceed(now)

    def gone(self, fd: int, now: float) -> None:
        """A connection has ended."""
        if fd in self._waiting:
            self._leave(fd)
        if self._turns.pop(fd, None) is not None:
            self._proceed(now)

    def done(self, now: float) -> None:
        """Some handshake is over, well or not; libzmq does not say which: the one that began first is the likeliest."""
        if self._turns:
            del self._turns[next(iter(self._turns))]
            self._proceed(now)

    def get_timer(self) -> float | None:
        """The time at which to call `handle_timer`; None while nobody waits."""
        if not self._waiting:
            return None
        full = len(self._turns) >= self._most
        return max(self._rest_until, next(iter(self._turns.values()))[0]) if full else self._rest_until

    def handle_timer(self, now: float) -> None:
        """Lets on whom there is room for now."""
        self._proceed(now)

    def _proceed(self, now: float) -> None:
        while self._waiting and now >= self._rest_until:
            if len(self._turns) >= self._most and not self._release(now):
                return
            wait = self._pace.take(1, now)
            if wait:
                self._rest_until = now + max(wait, self._rest_s)
                return
            fd = self._next()
            turn_s = self._begin(fd)
            if turn_s:
                self._turns[fd] = (now + turn_s, turn_s)

    def _next(self) -> int:
        """Takes the first one of the next household, which then waits until the others have had their turns."""
        home, line = next(iter(self._lines.items()))
        fd = next(iter(line))
        self._leave(fd)
        if line:
            self._lines[home] = self._lines.pop(home)
        return fd

    def _leave(self, fd: int) -> None:
        home = self._waiting.pop(fd)
        line = self._lines[home]
        del line[fd]
        if not line:
            del self._lines[home]

    def _release(self, now: float) -> bool:
        """Whether one is not counted any longer, because it is the other end that lets us wait."""
        while self._turns:
            fd, (until, turn_s) = next(iter(self._turns.items()))
            if until > now:
                return False
            del self._turns[fd]
            if not self._unread(fd):
                return True
            self._turns[fd] = (now + turn_s, turn_s)  # it waits for us: we are slow, and more would not help
        return False
