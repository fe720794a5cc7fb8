"""Finds nicks that look like another's. Of two similar nicks the later one is marked, and the first one is not."""

from __future__ import annotations

from sandpiper.common.limits import NAMES_SEEN
from sandpiper.common.nicks import fold, skeleton


class LookAlikes:
    """The nicks seen so far, by what they look like."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}  # what it looks like -> the nick that looked like that first
        self._alike: dict[str, str] = {}  # nick -> the other that it looks like, or nothing

    def alike(self, nick: str) -> str:
        """Returns the other nick that this one looks like; an empty string if there is none."""
        known = self._alike.get(nick)
        if known is not None:
            return known
        other = ""
        if self._alike:  # one nick alone is like nobody's: the table of characters takes 50 ms to load
            if not self._first:
                self._compare(next(iter(self._alike)))
            other = self._compare(nick)
        if len(self._alike) >= NAMES_SEEN:
            del self._alike[next(iter(self._alike))]
        while len(self._first) > 2 * NAMES_SEEN:
            del self._first[next(iter(self._first))]
        self._alike[nick] = other
        return other

    def _compare(self, nick: str) -> str:
        other, same = "", fold(nick)
        for look in {skeleton(nick), skeleton(same)}:
            owner = self._first.setdefault(look, nick)
            if fold(owner) != same:
                other = owner
        return other
