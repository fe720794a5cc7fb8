"""Who is who: nicks that look like another's, whom the reader ignores, and how a path is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from sandpiper.common.limits import NAMES_SEEN, SCREEN_RTT_MS, SCREEN_RTT_SHARE
from sandpiper.common.messages import Data, Member, Message, Whisper
from sandpiper.common.nicks import fold, skeleton

_PATHS: Final = {
    "bus": "broker",
    "one-port": "broker, one port",
    "line": "JSON lines",
    "direct": "direct",
    "lan": "LAN",
    "relay": "relay",
    "via": "via another",
    "none": "no path",
    "opening": "connecting",
    "offline": "offline",
}
_SHORT: Final = {"one-port": "one port", "line": "lines", "via": "via", "none": "none"}


def path_words(path: str, *, short: bool = False) -> str:
    """How messages travel, in words."""
    return (_SHORT.get(path) if short else None) or _PATHS.get(path, path)


def steady(before: float | None, now: float | None) -> float | None:
    """The round trip to show: as before, if it is nearly the same."""
    if before is None or now is None or abs(now - before) > max(SCREEN_RTT_MS, SCREEN_RTT_SHARE * before):
        return now
    return before


def steadied(before: Iterable[Member], now: Iterable[Member]) -> tuple[Member, ...]:
    """Who is here now, with the round trips to show."""
    known = {(each.from_, each.nick): each.rtt_ms for each in before}
    return tuple(replace(each, rtt_ms=steady(known.get((each.from_, each.nick)), each.rtt_ms)) for each in now)


class Faces:
    """The nicks seen so far, by what they look like: who comes later with a similar one is marked, not they."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}  # what it looks like -> whose it is
        self._alike: dict[str, str] = {}  # nick -> the other that it looks like, or nothing

    def alike(self, nick: str) -> str:
        """The other nick that this one looks like; nothing if there is none."""
        known = self._alike.get(nick)
        if known is not None:
            return known
        other, same = "", fold(nick)
        looks = {skeleton(nick), skeleton(same)}
        for look in looks:
            owner = self._first.setdefault(look, nick)
            if fold(owner) != same:
                other = owner
        if len(self._alike) >= NAMES_SEEN:
            del self._alike[next(iter(self._alike))]
        while len(self._first) > 2 * NAMES_SEEN:
            del self._first[next(iter(self._first))]
        self._alike[nick] = other
        return other


def own_place(members: Sequence[Member], fingerprint: str, nick: str) -> int:
    """Which of them is this very session; -1 if none is. Other windows of the same person have its key too."""
    places = [at for at, member in enumerate(members) if fingerprint and member.from_ == fingerprint]
    ours = [at for at in places if members[at].path == "self"] or [at for at in places if members[at].nick == nick]
    return (ours or places or [-1])[0]


class Ignored:
    """Whom the reader does not want to see: persons by their key, those without one by their nick."""

    def __init__(self) -> None:
        self._who: dict[str, str] = {}  # key or folded nick -> nick, as it was when ignored

    def __bool__(self) -> bool:
        return bool(self._who)

    def toggle(self, member: Member) -> bool:
        """Ignores the member, or no longer; whether ignored now."""
        who = self._key(member.nick, member.from_)
        if self._who.pop(who, None) is not None:
            return False
        self._who[who] = member.nick
        return True

    def forgive(self, nick: str) -> bool:
        """No longer ignores whoever had that nick; whether anybody had."""
        for who, name in list(self._who.items()):
            if fold(name) == fold(nick):
                del self._who[who]
                return True
        return False

    def nicks(self) -> list[str]:
        """Of those ignored."""
        return sorted(self._who.values())

    def hides(self, message: Message | Data | Whisper) -> bool:
        """Whether it is not to be shown."""
        return bool(self._who) and self._key(message.nick, message.from_) in self._who

    @staticmethod
    def _key(nick: str, from_: str | None) -> str:
        return f"key {from_}" if from_ else f"nick {fold(nick)}"
