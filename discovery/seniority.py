"""Seniority: since when a group has been at its nameplate, and so which of several is shown first.

A room is opened where nobody else is, so of all groups at its nameplate it is the oldest, and whoever claims the number
afterwards is younger. It stays so through a new registration key, since a member's new group is as old as the one that
the member leaves, and through a restart of the service or an absence, since every lease is confirmed by a token that
nobody else can use or make. Among those who know a group's key, and they may have been removed since, who came first is
first. A number that was nobody's begins anew: what was there before is junior to whoever opens a room there then.

A household's groups stand behind other households': those of its second age behind everybody's of the first. What was
one group once is of one age.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol, TypeVar

from sandpiper.common.limits import ROOM_EXPIRES_S

_TIMES: Final = struct.Struct(">QQQQ")  # the three of the seniority, and when this was issued
_BOUND: Final = struct.Struct(">32sI")  # whose connection, which nameplate
_MAC_BYTES: Final = 16


class Seniority(NamedTuple):
    """Since when a lease's group, and the lease's own connection, have been at the nameplate: in ms of Unix time.

    `opened` is when a room was last opened at the number while it was nobody's; 0 if that is not known.
    """

    opened: int
    group: int
    own: int

    @property
    def rank(self) -> tuple[int, int, int]:
        """Its place: the smaller is the senior."""
        return -self.opened, self.group, self.own


class Arrival(NamedTuple):
    """A new lease's claim to seniority: what its token shows, if there is one, and when it comes.

    `settled`: the service has been there for long enough to know whether the number is somebody's.
    """

    shown: Seniority | None
    moment: int
    settled: bool


class Placed(Protocol):
    """A group, as far as its place among others is concerned."""

    @property
    def home(self) -> str:
        """The household for which it counts."""

    @property
    def seniority(self) -> Seniority:
        """The seniority of its senior lease."""

    @property
    def made(self) -> int:
        """Its number in the order in which groups were made."""


G = TypeVar("G", bound=Placed)


def ordered(groups: Iterable[G]) -> list[G]:
    """Orders groups as they are shown. Of one holder's two groups the newer comes first: it has moved there."""
    ages: dict[str, list[tuple[int, int]]] = {}
    places: list[tuple[int, G]] = []
    for group in sorted(groups, key=lambda each: (each.seniority.rank, -each.made)):
        known, age = ages.setdefault(group.home, []), group.seniority[:2]
        if age not in known[-1:]:
            known.append(age)
        places.append((len(known), group))
    return [group for _, group in sorted(places, key=lambda each: each[0])]


class SeniorityTokens:
    """Makes and reads the tokens by which a lease's seniority outlives this process. `secret` is the service's."""

    def __init__(self, secret: bytes, wall: Callable[[], float]) -> None:
        self._secret = secret
        self._wall = wall
        self._last = 0

    def moment(self) -> int:
        """The time, in ms; no two are alike."""
        self._last = max(self._last + 1, self._now())
        return self._last

    def _now(self) -> int:
        return int(self._wall() * 1000)

    def give(self, key: bytes, nameplate: int, seniority: Seniority) -> bytes:
        """Confirms a lease's seniority, to the connection with this CURVE key alone."""
        times = _TIMES.pack(*seniority, self._now())
        return times + self._mac(key, nameplate, times)

    def read(self, token: bytes, key: bytes, nameplate: int) -> Seniority | None:
        """The seniority that a token confirms; None if it is none of ours, somebody else's, or too old."""
        times, mac = token[: _TIMES.size], token[_TIMES.size :]
        if len(times) < _TIMES.size or not hmac.compare_digest(mac, self._mac(key, nameplate, times)):
            return None
        *seniority, issued = _TIMES.unpack(times)
        return Seniority(*seniority) if self._now() - issued <= ROOM_EXPIRES_S * 1000 else None

    def _mac(self, key: bytes, nameplate: int, times: bytes) -> bytes:
        bound = _BOUND.pack(key, nameplate) + times
        return hashlib.blake2b(bound, key=self._secret, digest_size=_MAC_BYTES, person=b"seniority").digest()
