"""People met before: which key goes by which name, so that another key under a known name is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sandpiper.common.limits import PEOPLE_KNOWN
from sandpiper.common.nicks import fold
from sandpiper.common.text_files import NotText, decoded
from sandpiper.peer.profile import Profile

_FILE: Final = "known_people"


class KnownPeople:
    """The names and keys of people, a line each (`fingerprint nick`) in the profile's folder.

    An ephemeral profile knows those of this session only.
    """

    def __init__(self, profile: Profile) -> None:
        self._path: Path | None = None if profile.folder is None else profile.folder / _FILE
        self._known: dict[str, tuple[str, str]] = {}
        self._fault = self._said = ""
        if self._path is not None:
            try:
                self._read(self._path)
            except FileNotFoundError:
                pass
            except (OSError, NotText) as error:
                why = f": {error.strerror}" if isinstance(error, OSError) else f" {error}"
                self._fault = (
                    f"whom you met before is not known now, nor is it remembered whom you meet: {self._path}{why}; "
                    "make it readable, or move it away to begin anew"
                )
                self._path = None  # or the next name would take the place of all that are in it

    def _read(self, path: Path) -> None:
        for line in decoded(path.read_bytes()).splitlines()[-PEOPLE_KNOWN:]:
            fingerprint, _, nick = line.partition(" ")
            self._known[fold(nick)] = (fingerprint, nick)

    def news(self) -> str:
        """Says once why nobody is remembered, or that people are again; else empty."""
        if self._fault == self._said:
            return ""
        self._said = self._fault
        return self._fault or "whom you meet is remembered again"

    def other(self, nick: str, fingerprint: str) -> str | None:
        """Returns the key that went by that name before, if it is another one."""
        known = self._known.get(fold(nick))
        return known[0] if known is not None and known[0] != fingerprint else None

    def meet(self, nick: str, fingerprint: str) -> None:
        """Remembers a name that is not known yet; a known one keeps its key."""
        if fold(nick) in self._known or len(self._known) >= PEOPLE_KNOWN:
            return
        self._known[fold(nick)] = (fingerprint, nick)
        if self._path is None:
            return
        from sandpiper.common.io.files import write_private

        lines = [f"{key} {name}\n" for key, name in self._known.values()]
        try:
            write_private(self._path, "".join(lines).encode())
        except OSError as error:  # not to be remembered is no reason not to talk
            self._fault = f"it is not remembered whom you meet: {self._path}: {error.strerror or error}"
        else:
            self._fault = ""
