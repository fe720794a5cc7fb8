"""Persons: who is meant by a nick, or by a fingerprint or its beginning. Whoever is named by a key is meant, whatever
others are called.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import FINGERPRINT_LEAST
from sandpiper.common.nicks import fold
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer


class Persons:
    """Finds the one person whom a user names: among the members, or among `peers`, who are here or may be."""

    def __init__(self, context: Context, roster: Roster, peers: Mapping[bytes, Peer], names: Names) -> None:
        self._context = context
        self._roster = roster
        self._peers = peers
        self._names = names

    def member(self, named: str) -> bytes:
        """The identity of the other member who is named, here or not. Raises Refusal."""
        members = self._roster.members.items()
        identities = {fingerprint(keys.identity): keys.identity for _, keys in members}
        found = persons_named(
            named, [(self._names.nick_of(session), fingerprint(keys.identity)) for session, keys in members]
        )
        found.discard(self._context.keyring.fingerprint)
        if not found:
            raise Refusal(Code.NOT_HERE, f"nobody else here is called {named}")
        return identities[_the_one(named, found)]

    def outside(self, named: str) -> bytes:
        """The identity of the person who is named, and was removed or waits to be let in again. Raises Refusal."""
        identities = {fingerprint(person): person for person in self._roster.outsiders()}
        found = persons_named(
            named, [(self._names.nick_of_person(person), name) for name, person in identities.items()]
        )
        if not found:
            raise Refusal(Code.NOT_HERE, f"nobody called {named} was removed or waits to be let in again")
        return identities[_the_one(named, found)]

    def here(self, named: str) -> list[Peer]:
        """The sessions of the other person here who is named. Raises Refusal."""
        peers, own = [peer for peer in self._peers.values() if peer.here], self._context.keyring.fingerprint
        found = persons_named(named, [(peer.nick, peer.fingerprint) for peer in peers])
        window = own in found
        found.discard(own)
        if not found and (window or fold(self._context.settings.nick) == fold(named)):
            raise Refusal(Code.INVALID, f"{named} is you" + (", in another window of yours" if window else ""))
        if not found:
            raise Refusal(Code.NOT_HERE, f"{named} is not here")
        person = _the_one(named, found)
        if fold(named) != person[: len(named)] and not self._names.owns(person, named):
            text = f"who is called {named} here is not who bore that nick first: say whom by the fingerprint: {person}"
            raise Refusal(Code.INVALID, text)
        return [peer for peer in peers if peer.fingerprint == person]

    def of(self, person: str) -> list[Peer]:
        """The sessions of a person, by the whole fingerprint, that are here or may be."""
        return [peer for peer in self._peers.values() if peer.fingerprint == person]


def persons_named(named: str, persons: Collection[tuple[str, str]]) -> set[str]:
    """The fingerprints of those who are named, of all these nicks and fingerprints."""
    beginning, folded = named.lower(), fold(named)
    if len(beginning) >= FINGERPRINT_LEAST:
        found = {person for _, person in persons if person.startswith(beginning)}
        if found:
            return found
    return {person for nick, person in persons if fold(nick) == folded}


def _the_one(named: str, persons: set[str]) -> str:
    if len(persons) > 1:
        keys = ", ".join(sorted(persons))
        raise Refusal(Code.INVALID, f"several persons are called {named}: say which by the fingerprint: {keys}")
    return persons.copy().pop()
