"""Bearers: which person bears which nick, and who bore it first, as far as this member has seen."""

from __future__ import annotations

from collections.abc import Set

from sandpiper.common.limits import FINGERPRINT_LEAST
from sandpiper.common.nicks import fold, skeleton


class Bearers:
    """Keeps the nick of each session, whether it is here or away, and since when the session bears it.

    A nick belongs to the person who bore it first. Of two who bear it since the same moment it belongs to neither: to
    a newcomer those who were there are all new. `changes` grows whenever somebody may be called otherwise than before.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._sure: set[tuple[str, str]] = set()  # person, folded nick
        self._folded: dict[bytes, str] = {}  # session -> its nick, folded
        self._since: dict[str, dict[bytes, tuple[str, float]]] = {}  # folded nick -> session -> person, since when

    def bears(self, session: bytes, person: str, nick: str, since: float) -> bool:
        """Takes that a session bears a nick from now on; returns whether that is news."""
        self.changes += 1
        folded = fold(nick)
        if self._folded.get(session) == folded:
            return False
        self.forget(session)
        self._folded[session] = folded
        self._since.setdefault(folded, {})[session] = (person, since)
        return True

    def knows(self, session: bytes) -> bool:
        """Whether a session has borne a nick."""
        return session in self._folded

    def forget(self, session: bytes) -> None:
        """Forgets a session that is no member any more."""
        self.changes += 1
        folded = self._folded.pop(session, None)
        if folded is not None:
            del self._since[folded][session]
            if not self._since[folded]:
                del self._since[folded]

    def trust(self, person: str, nick: str) -> None:
        """Takes that the user has made sure that a nick is a person's; another one that it takes later is not."""
        self._sure.add((person, fold(nick)))
        self.changes += 1

    @property
    def sure(self) -> tuple[str, ...]:
        """The persons of whom the user has made sure."""
        return tuple(sorted({person for person, _ in self._sure}))

    def owns(self, person: str, nick: str) -> bool:
        """Whether a nick is a person's: nobody else bore it before or as early."""
        if (person, fold(nick)) in self._sure:
            return True
        mine, others = float("inf"), float("inf")
        for each, since in self._since.get(fold(nick), {}).values():
            if each == person:
                mine = min(mine, since)
            else:
                others = min(others, since)
        return mine < others or others == float("inf")


def imitates(nick: str, person: str, looks: Set[str]) -> bool:
    """Whether a nick of `person` looks like another's fingerprint, or its beginning: one of these `looks`."""
    if len(nick) < FINGERPRINT_LEAST:
        return False
    found = skeleton(nick), skeleton(fold(nick))
    if any(each.startswith(look(person)) for each in found):
        return False
    return any(each[:end] in looks for each in found for end in range(FINGERPRINT_LEAST, 2 * FINGERPRINT_LEAST + 1))


def look(fingerprint: str) -> str:
    """What the beginning of a fingerprint looks like: m is r and n. Character by character, for there are thousands."""
    return "".join(map(skeleton, fingerprint[:FINGERPRINT_LEAST]))
