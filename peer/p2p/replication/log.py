"""One session's log, as a member holds it: envelopes in order, whole, as they were signed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from sandpiper.common.p2p.envelope import NO_HASH, Envelope

_COMPACT_AT = 1024


class Log:
    """`start` is the first seq that has not been let go, `head` the last; `hash` the last envelope's."""

    __slots__ = ("_envelopes", "_firsts", "_gone", "bytes", "hash", "head", "start")

    def __init__(self, start: int = 1) -> None:
        self.start = start
        self.head = start - 1
        self.hash = NO_HASH
        self.bytes = 0
        self._envelopes: list[Envelope] = []
        self._firsts: list[int] = []
        self._gone = 0  # at the front, removed from the lists now and then

    @property
    def last(self) -> Envelope | None:
        """The newest."""
        return self._envelopes[-1] if len(self._envelopes) > self._gone else None

    def append(self, envelope: Envelope) -> None:
        """Adds the next envelope; its place has been checked."""
        self._envelopes.append(envelope)
        self._firsts.append(envelope.first)
        self.head, self.hash = envelope.last, envelope.hash
        self.bytes += len(envelope.raw)

    def insert(self, envelope: Envelope) -> None:
        """Puts an envelope where nothing was held until now; its place has been checked."""
        index = max(bisect_right(self._firsts, envelope.first), self._gone)
        self._envelopes.insert(index, envelope)
        self._firsts.insert(index, envelope.first)
        self.bytes += len(envelope.raw)

    def around(self, envelope: Envelope) -> list[Envelope]:
        """The envelopes that are held nearest before and after one that is not."""
        index = max(bisect_right(self._firsts, envelope.first), self._gone)
        return self._envelopes[max(index - 1, self._gone) : index + 1]

    def holding(self, seq: int) -> Envelope | None:
        """The envelope that has the entry `seq`."""
        index = bisect_right(self._firsts, seq) - 1
        if index < self._gone or index < 0:
            return None
        envelope = self._envelopes[index]
        return envelope if envelope.first <= seq <= envelope.last else None

    def hash_at(self, seq: int) -> bytes | None:
        """The hash of the envelope that ends at `seq`; None where none does, or it is gone."""
        envelope = self.holding(seq)
        return envelope.hash if envelope is not None and envelope.last == seq else None

    def after(self, seq: int, most_bytes: int) -> list[Envelope]:
        """Envelopes that hold entries above `seq`, oldest first, at least one if there is any."""
        index = max(bisect_right(self._firsts, seq) - 1, self._gone)
        found: list[Envelope] = []
        size = 0
        for envelope in self._envelopes[index:]:
            if envelope.last <= seq:
                continue
            size += len(envelope.raw)
            if found and size > most_bytes:
                break
            found.append(envelope)
        return found

    @property
    def oldest(self) -> Envelope | None:
        """The first that is held."""
        return self._envelopes[self._gone] if len(self._envelopes) > self._gone else None

    def upto(self, seq: int) -> Envelope | None:
        """The newest envelope that begins at `seq` or before."""
        index = bisect_right(self._firsts, seq) - 1
        return self._envelopes[index] if index >= self._gone else None

    def before(self, time: tuple[int, bool]) -> int:
        """The last seq of before a Lamport time (and at it, if that is said too); below `start` if none is held."""
        clock = time[0] + time[1]
        index = bisect_left(self._envelopes, clock, lo=self._gone, key=_clock) - 1
        if index < self._gone:
            return self.start - 1
        envelope = self._envelopes[index]
        return min(envelope.last, envelope.first + clock - 1 - envelope.clock)

    def all(self) -> list[Envelope]:
        """All envelopes that are still held, oldest first."""
        return self._envelopes[self._gone :]

    def trim(self, most_entries: int, most_bytes: int) -> bool:
        """Drops the oldest past either bound, if there are such; the newest stays in any case."""
        before = self.start
        while len(self._envelopes) - self._gone > 1:
            if self.head - self.start < most_entries and self.bytes <= most_bytes:
                break
            envelope = self._envelopes[self._gone]
            self._gone += 1
            self.bytes -= len(envelope.raw)
            self.start = envelope.last + 1
        if self._gone > _COMPACT_AT:
            del self._envelopes[: self._gone], self._firsts[: self._gone]
            self._gone = 0
        return self.start != before


def _clock(envelope: Envelope) -> int:
    return envelope.clock
