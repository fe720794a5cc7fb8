"""Doorkeepers: which members answer those who knock.

They are few and the same for all members: the persons present who stand nearest to the founder, by level and then by
how many hands they came in through. So whoever knocks at every mailbox at once has no more guesses for it. The others
send a joiner on to them. At a discovery service where none of them has a lease, as many others stand in for them.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping

from sandpiper.common.limits import DOORKEEPERS
from sandpiper.peer.p2p.admission.guesses import CodeGuesses
from sandpiper.peer.p2p.membership.level import PLAIN
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.state.context import Context


class Doorkeepers:
    """Finds out who answers at each discovery service, and whether this session may now."""

    def __init__(self, context: Context, roster: Roster, presence: Presence, guesses: CodeGuesses) -> None:
        self._own = context.session
        self._roster = roster
        self._presence = presence
        self._guesses = guesses
        self._leases: dict[Hashable, dict[bytes, bytes]] = {}

    def leased(self, service: Hashable, sessions: Mapping[bytes, bytes]) -> None:
        """Takes who else has a lease of the room at a discovery service: mailbox → session, all of them."""
        self._leases.pop(service, None)
        if sessions:
            self._leases[service] = {session: mailbox for mailbox, session in sessions.items()}

    def may_answer(self, service: Hashable) -> bool:
        """Whether this session may have a guess tried on it now, by a letter that came through that service."""
        answering = self._answering(service)
        return self._own in answering and self._guesses.may_answer([self._roster.person(each) for each in answering])

    def elsewhere(self, service: Hashable) -> list[bytes]:
        """Returns the mailboxes of the others who answer there."""
        leases = self._leases.get(service, {})
        return [leases[each] for each in self._answering(service) if each in leases][:DOORKEEPERS]

    def _answering(self, service: Hashable) -> list[bytes]:
        """The sessions that answer at a service, one of each person, the nearest first."""
        there = self._leases.get(service, {}).keys() | {self._own}
        nearest = self._nearest(there)
        keepers = nearest[:DOORKEEPERS]
        return [each for each in nearest if each in there][:DOORKEEPERS] if there.isdisjoint(keepers) else keepers

    def _nearest(self, there: Container[bytes]) -> list[bytes]:
        """One session of each person present, the oldest that is `there` if one is; who stands nearest comes first."""
        roster = self._roster
        first: dict[bytes, bytes] = {}
        here = {session for session, peer in self._presence.peers.items() if peer.here and session in roster.members}
        if self._own in roster.members:
            here.add(self._own)
        # Who waits to be let in again has not the key that a newcomer is to get.
        for person in {roster.person(session) for session in here} - roster.key.waiting():
            sessions = [session for session in roster.sessions(person) if session in here]
            first[person] = next((session for session in sessions if session in there), sessions[0])
        return [first[person] for person in sorted(first, key=self._distance)]

    def _distance(self, person: bytes) -> tuple[object, int, bytes]:
        roster = self._roster
        return roster.graph.members.get(person, PLAIN), roster.branches.depth(person), person
