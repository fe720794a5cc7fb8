"""Whom one does not want to hear: an affair of one's own screen, of which nobody is told."""

from __future__ import annotations

from collections.abc import Iterable

from sandpiper.common.messages import Whisper
from sandpiper.common.nicks import fold
from sandpiper.peer.events import Event, Received


class Ignored:
    """Persons by their keys, and nicks that no key owns by name."""

    def __init__(self) -> None:
        self._persons: dict[str, set[str]] = {}  # folded nick -> fingerprints, none for a nick without a key
        self._names: dict[str, str] = {}

    @property
    def nicks(self) -> list[str]:
        """As they were called when they were ignored."""
        return list(self._names.values())

    def ignore(self, nick: str, fingerprints: Iterable[str]) -> None:
        """From now on these persons are not shown, whatever they are called; without any, that nick."""
        self._persons[fold(nick)] = set(fingerprints)
        self._names[fold(nick)] = nick

    def heed(self, nick: str) -> bool:
        """Shows them again; whether they were ignored."""
        self._names.pop(fold(nick), None)
        return self._persons.pop(fold(nick), None) is not None

    def covers(self, event: Event) -> bool:
        """Whether an event is not to be shown."""
        if not self._persons:
            return False
        match event:
            case Received(message=said, own=False):
                return self._is(said.nick, said.from_)
            case Whisper():
                return self._is(event.nick, event.from_)
        return False

    def _is(self, nick: str, fingerprint: str | None) -> bool:
        named = self._persons.get(fold(nick))
        if named is not None and not named:
            return True
        return fingerprint is not None and any(fingerprint in persons for persons in self._persons.values())
