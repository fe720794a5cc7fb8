"""A log's frontier: puts what comes into the log's order, whatever the path did to it.

What comes is one entry, or several that hang together (an envelope): then `last` is the seq of its last.

A log is (origin, run, seq 1..n). A reader has everything up to its frontier; what comes beyond a hole is held until
the hole is filled, by the stragglers themselves or by repair (repair.py).
"""

from __future__ import annotations

from typing import Generic, TypeVar

from sandpiper.common.limits import READER_BUFFER_ENTRIES

T = TypeVar("T")


class Frontier(Generic[T]):
    """A position in a log, and entries held beyond a hole.

    `seq`: everything up to it has been given out, or given up. `head`: the highest seq known to exist.
    """

    __slots__ = ("_held", "head", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.head = seq
        self._held: dict[int, tuple[int, T]] = {}

    def push(self, seq: int, item: T, last: int | None = None) -> list[T]:
        """Takes an entry; returns what can be given out now, in order.

        Empty for a double, and for what lies beyond a hole.
        """
        if self.advance(seq, last):
            return [item]
        if seq <= self.seq:
            return []
        last = seq if last is None else last
        self.head = max(self.head, last)
        self._held[seq] = (last, item)
        if len(self._held) > READER_BUFFER_ENTRIES:
            del self._held[max(self._held)]
        return self._release()

    def advance(self, seq: int, last: int | None = None) -> bool:
        """Does what `push` does in the usual case, the next entry and nothing held, without a list.

        Returns False in others.
        """
        if seq != self.seq + 1 or self._held:
            return False
        if last is not None:
            seq = last
        self.seq = seq
        if seq > self.head:
            self.head = seq
        return True

    def skip(self, seq: int) -> tuple[int, list[T]]:
        """Gives up on what is not held up to `seq`: how many that are, and what can be given out now, in order."""
        if seq <= self.seq:
            return 0, []
        released: list[T] = []
        missing, reached = 0, self.seq
        for first in sorted(each for each in self._held if each <= seq):
            last, item = self._held.pop(first)
            if first <= reached:
                continue  # it overlaps what has been given out
            missing += first - reached - 1
            reached = last
            released.append(item)
        missing += max(seq - reached, 0)
        self.seq = max(seq, reached)
        self.head = max(self.head, self.seq)
        return missing, released + self._release()

    def settle(self) -> None:
        """Takes back the knowledge of entries that are not held: they may not exist after all."""
        self.head = max([self.seq, *(last for last, _ in self._held.values())])

    def cap(self, last: int) -> None:
        """There is nothing beyond `last`: what is held of it goes."""
        self._held = {first: each for first, each in self._held.items() if each[0] <= last}
        self.head = max(self.seq, min(self.head, last))

    @property
    def gap(self) -> bool:
        """Whether something is known to exist that has not been given out."""
        return self.head > self.seq

    @property
    def holding(self) -> bool:
        """Whether anything is held beyond a hole."""
        return bool(self._held)

    @property
    def held(self) -> list[T]:
        """The entries held beyond holes, in order."""
        return [item for _, (_, item) in sorted(self._held.items(), key=lambda each: each[0])]

    @property
    def missing(self) -> tuple[int, int]:
        """The first hole: its first and last seq. Only meaningful while there is a gap."""
        return self.seq + 1, min(self._held, default=self.head + 1) - 1

    def _release(self) -> list[T]:
        released = []
        while (found := self._held.pop(self.seq + 1, None)) is not None:
            self.seq, item = found
            released.append(item)
        return released
