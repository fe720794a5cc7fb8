"""The people whom the reader ignores: this concerns the reader's own screen, and nobody is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandpiper.common.nicks import fold


class Ignored:
    """A set of ignored people: by their key, or by their nick where no key stands behind it.

    `people` are they: key or folded nick, and the nick when they were ignored. `changed` is called after each change,
    so that what has been said can be hidden or shown again.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.people: dict[str, str] = {}
        self._changed = changed

    @property
    def nicks(self) -> list[str]:
        """The nicks that the ignored people had when they were ignored, sorted."""
        return sorted(set(self.people.values()))

    def ignore(self, nick: str, keys: Iterable[str | None]) -> None:
        """Ignores the people of that nick: each key, whatever nick it takes later; None stands for no key."""
        for key in keys:
            self.people[_person(nick, key)] = nick
        self._changed()

    def forgive(self, nick: str) -> bool:
        """No longer ignores the people who had that nick; returns whether anybody was ignored by it."""
        found = [person for person, name in self.people.items() if fold(name) == fold(nick)]
        for person in found:
            del self.people[person]
        if found:
            self._changed()
        return bool(found)

    def hides(self, nick: str, key: str | None) -> bool:
        """Returns whether a message signed with `key`, or without one under `nick`, is hidden."""
        return bool(self.people) and _person(nick, key) in self.people


def _person(nick: str, key: str | None) -> str:
    return f"key {key}" if key else f"nick {fold(nick)}"
