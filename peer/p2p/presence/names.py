"""Names: what each session of a room is called, and whose person's it is."""

from __future__ import annotations

from collections.abc import Mapping

from sandpiper.common.errors import Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import NICKS_LEFT
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.common.p2p.sealing import short
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.away import Away
from sandpiper.peer.p2p.presence.bearers import Bearers
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer


class Names:
    """Finds the nicks and fingerprints of sessions, by the cards of those who are here or away."""

    def __init__(
        self, context: Context, roster: Roster, peers: Mapping[bytes, Peer], away: Away, bearers: Bearers
    ) -> None:
        self._context = context
        self._roster = roster
        self._peers = peers
        self._away = away
        self._bearers = bearers
        self._left: dict[bytes, str] = {}  # nicks of persons that were put out

    def nick_of(self, session: bytes) -> str:
        """The nick of a session."""
        if session == self._context.session:
            return self._context.settings.nick
        peer, row = self._peers.get(session), self._away.get(session)
        if peer is not None:
            return peer.nick
        if row is not None:
            return row.nick or fingerprint(row.keys.identity)[:8]
        return short(session).hex()[:8]

    def nick_of_person(self, person: bytes) -> str:
        """The nick of a person: that of a session that is here, or went last; else the fingerprint's beginning."""
        if person == self._context.keyring.person:
            return self._context.settings.nick
        sessions = [each for each in self._roster.sessions(person) if each in self._peers or each in self._away]
        sessions.sort(key=lambda each: each in self._peers)
        return self.nick_of(sessions[-1]) if sessions else self._left.get(person) or fingerprint(person)[:8]

    def remember(self, session: bytes) -> None:
        """Keeps the nick of a session that is about to be forgotten, for its person may be spoken of again."""
        person = self._roster.person(session)
        self._left.pop(person, None)
        self._left[person] = self.nick_of(session)
        if len(self._left) > NICKS_LEFT:
            del self._left[next(iter(self._left))]

    def fingerprint_of(self, session: bytes) -> str:
        """The fingerprint of the person behind a session."""
        if session == self._context.session:
            return self._context.keyring.fingerprint
        keys = self._roster.known.get(session)
        if keys is None:
            return ""
        return fingerprint(keys.identity)

    def called(self, session: bytes, nick: str) -> tuple[str, bool]:
        """The nick to show for a session that signs as `nick`, and whether that is not another person's."""
        person, known = self.fingerprint_of(session), self.nick_of(session)
        if nick != known:
            try:
                valid_nick(nick)
            except Refusal:
                nick = known
        return nick, self._bearers.owns(person, nick)

    def owns(self, person: str, nick: str) -> bool:
        """Whether a nick is that person's, and not another's."""
        return self._bearers.owns(person, nick)
