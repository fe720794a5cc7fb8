"""Names: what each session of a room is called, and whose person's it is."""

from __future__ import annotations

from collections.abc import Mapping

from sandpiper.common.errors import Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.common.p2p.sealing import short
from sandpiper.peer.p2p.presence.away import Away
from sandpiper.peer.p2p.presence.bearers import Bearers
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer


class Names:
    """Finds the nicks and fingerprints of sessions, by the cards of those who are here or away."""

    def __init__(
        self, context: Context, ledger: Ledger, peers: Mapping[bytes, Peer], away: Away, bearers: Bearers
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._peers = peers
        self._away = away
        self._bearers = bearers

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

    def fingerprint_of(self, session: bytes) -> str:
        """The fingerprint of the person behind a session."""
        if session == self._context.session:
            return self._context.keyring.fingerprint
        keys = self._ledger.known.get(session)
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
