"""Routes: whose mesh key is whose. Keys are public in a room, so more than one session may name one of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TypeVar

T = TypeVar("T")


class Routes:
    """Keeps which sessions name which CURVE key, and which of them holds it: the first that shows it, while it is a
    member. Until one has, each may be it.
    """

    def __init__(self) -> None:
        self._named: dict[bytes, list[bytes]] = {}
        self._holders: dict[bytes, bytes] = {}

    def __contains__(self, curve: bytes) -> bool:
        return curve in self._named

    def name(self, curve: bytes, session: bytes) -> None:
        """Takes that a new member says that this key is its own."""
        self._named.setdefault(curve, []).append(session)

    def forget(self, curve: bytes, session: bytes) -> None:
        """Forgets what a session said that is no member any more."""
        sharing = self._named[curve]
        sharing.remove(session)
        if not sharing:
            del self._named[curve]
        if self._holders.get(curve) == session:
            del self._holders[curve]

    def prove(self, curve: bytes, session: bytes) -> bool:
        """Takes that something of a session's own came by a connection with this key; returns whether others named
        the key as well, and it is certain only now that it is not theirs.
        """
        named = self._named.get(curve, ())
        if curve in self._holders or session not in named:
            return False
        self._holders[curve] = session
        return len(named) > 1

    def may_be(self, curve: bytes) -> list[bytes]:
        """The sessions whose key that may be, who named it first being the first."""
        holder = self._holders.get(curve)
        return [holder] if holder is not None else list(self._named.get(curve, ()))


def interleaved(some: Sequence[Sequence[T]]) -> list[T]:
    """The first of each, then the second of each, and so on: nobody's many come before another's first."""
    return [each for row in zip_longest(*some) for each in row if each is not None]
