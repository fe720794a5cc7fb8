"""The past of a deed: which of the deeds here it knew.

Deeds are numbered as they come in. A past is what lies below `end` without what is `absent`: bit i of that is the deed
base + i, and all below `base` is in the past. An honest writer knows nearly everything, so a past takes a few octets
where a set of what it knew would take one bit for each deed there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeedPast:
    """See the module."""

    base: int
    absent: int
    end: int

    def __contains__(self, at: int) -> bool:
        return at < self.base or (at < self.end and not self.absent >> (at - self.base) & 1)

    def shifted(self, base: int) -> int:
        """What is absent, counted from another base."""
        return self.absent >> (base - self.base) if base >= self.base else self.absent << (self.base - base)


NOTHING = DeedPast(0, 0, 0)


def past_of(tips: Iterable[tuple[int, DeedPast]], end: int) -> DeedPast:
    """Returns the past of a deed that is to be number `end`, built on these: their numbers, and their pasts."""
    known = [(at, past) for at, past in tips]
    if not known:
        return DeedPast(0, (1 << end) - 1, end)
    base = max(past.base for _, past in known)
    absent = -1
    for at, past in known:
        above = ((1 << (end - at - 1)) - 1) << (at + 1 - base) if at + 1 >= base else (1 << (end - base)) - 1
        absent &= past.shifted(base) | above
    return _trimmed(base, absent, end)


def joined(one: DeedPast, other: DeedPast) -> DeedPast:
    """Returns what is in one of two pasts, or in both."""
    low, high = (one, other) if one.end <= other.end else (other, one)
    base = max(low.base, high.base)
    unknown = low.shifted(base)
    if high.end > max(low.end, base):
        first = max(low.end, base)
        unknown |= ((1 << (high.end - first)) - 1) << (first - base)
    return _trimmed(base, unknown & high.shifted(base), high.end)


def shared(pasts: Iterable[DeedPast]) -> DeedPast:
    """Returns what is in all of these pasts, of which there is at least one."""
    every = list(pasts)
    base, end = min(each.base for each in every), min(each.end for each in every)
    absent = 0
    for each in every:
        absent |= each.shifted(base)
    if end <= base:
        return DeedPast(end, 0, end)
    return _trimmed(base, absent & ((1 << (end - base)) - 1), end)


def members_beyond(wanted: DeedPast, had: DeedPast, first: int) -> Iterator[int]:
    """Returns what is in one past and not in another, from a number on, ascending."""
    lacked = had.absent << had.base
    if wanted.end > had.end:
        lacked |= ((1 << (wanted.end - had.end)) - 1) << had.end
    lacked &= ((1 << wanted.end) - 1) & ~(wanted.absent << wanted.base)
    return (first + at for at in ones(lacked >> first))


def ones(bits: int) -> Iterator[int]:
    """Returns the places of the ones in a number, ascending."""
    digits = bin(bits)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def _trimmed(base: int, absent: int, end: int) -> DeedPast:
    if absent == 0:
        return DeedPast(end, 0, end)
    low = (absent & -absent).bit_length() - 1
    return DeedPast(base + low, absent >> low, end)
