"""The loss of large packets on the way to a broker, told by what arrives: small questions do, large messages do not.

A path whose packets of full size vanish (an MTU that nobody says) lets every connection come up, and then starves it.
"""

from __future__ import annotations

from sandpiper.common.limits import CHOKED_BYTES, CHOKED_LINKS, CHOKED_S
from sandpiper.common.outbox import Outbox


class PathLoss:
    """Watches one session's publications and pages for signs that large packets get lost."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._online_at = 0.0
        self._choked_links = 0
        self._starved_links = 0
        self._fetching = False

    def online(self, now: float) -> None:
        """Messages can travel from now on."""
        self._online_at = now

    def stored(self) -> None:
        """A publication was stored: they arrive."""
        self._choked_links = 0

    def asked(self) -> None:
        """A page was asked for, which is large."""
        self._fetching = True

    def answered(self, *, page: bool) -> None:
        """The question is decided; by a page, or refused."""
        self._fetching = False
        if page:
            self._starved_links = 0

    def broke(self, *, losing: bool) -> None:
        """The connection is no good; `losing`: what we sent by it got lost. What was under way may be to blame."""
        if losing and self._outbox.flying >= CHOKED_BYTES:
            self._choked_links += 1
        if self._fetching:
            self._starved_links += 1

    @property
    def choked(self) -> bool:
        """Whether connections break one after the other with something large under way from here."""
        return self._choked_links >= CHOKED_LINKS

    @property
    def starved(self) -> bool:
        """Whether they do with something large under way to here, this one included."""
        return self._fetching and self._starved_links >= CHOKED_LINKS - 1

    def overdue(self, now: float) -> bool:
        """Whether something large is under way for too long."""
        if self._outbox.empty:
            return False
        since = max(self._outbox.progressed_at, self._online_at)
        return now - since >= CHOKED_S and self._outbox.flying >= CHOKED_BYTES
