"""Namesakes: two persons in a room who are called alike, of which the user is warned."""

from __future__ import annotations

from collections.abc import Mapping

from sandpiper.common.limits import NAMESAKES_TOLD
from sandpiper.common.nicks import fold
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer


class Namesakes:
    """Warns of persons with one name: whenever one comes, and once of each pair and name that a rename makes."""

    def __init__(self, context: Context, peers: Mapping[bytes, Peer]) -> None:
        self._context = context
        self._peers = peers
        self._told: dict[tuple[str, ...], None] = {}

    def joined(self, peer: Peer) -> None:
        """Warns if a peer that has come is called as somebody else is."""
        self._check(peer.nick, peer.fingerprint, again=True)

    def renamed(self, peer: Peer) -> None:
        """Warns if a peer is now called as somebody else is; who goes to and fro between names is told of once."""
        self._check(peer.nick, peer.fingerprint)

    def renamed_self(self) -> None:
        """Warns if the user is now called as somebody else is."""
        self._check(self._context.settings.nick, self._context.keyring.fingerprint)

    def _check(self, nick: str, person: str, *, again: bool = False) -> None:
        other = self._namesake(fold(nick), person)
        if other is None:
            return
        pair = (fold(nick), *sorted((person, other)))
        known = pair in self._told
        self._told[pair] = None
        if len(self._told) > NAMESAKES_TOLD:
            del self._told[next(iter(self._told))]
        if again or not known:
            self._context.warn("key", f"{self._words(nick, person, other)}: /verify tells more")

    def _namesake(self, folded: str, person: str) -> str | None:
        """The key of another person who is called so, the user's own first."""
        own = self._context.keyring.fingerprint
        if person != own and folded == fold(self._context.settings.nick):
            return own
        others = (peer for peer in self._peers.values() if peer.here and peer.fingerprint != person)
        return next((peer.fingerprint for peer in others if fold(peer.nick) == folded), None)

    def _words(self, nick: str, person: str, other: str) -> str:
        # Of two nobody here knows who was first: to a newcomer those who were there are as new.
        own = self._context.keyring.fingerprint
        if own in (person, other):
            key = other if person == own else person
            return f"you and another person are called {nick}; the other has the key {key}"
        return f"two persons are called {nick}, with the keys {' and '.join(sorted((person, other)))}"
