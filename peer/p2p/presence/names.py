"""Names: what each session of a room is called, and whose person's it is."""

from __future__ import annotations

from collections.abc import Mapping

from sandpiper.common.errors import Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.nicks import fold
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.common.p2p.sealing import short
from sandpiper.peer.p2p.presence.away import Away
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer


class Names:
    """Finds the nicks and fingerprints of sessions, by the cards of those who are here or away."""

    def __init__(self, context: Context, ledger: Ledger, peers: Mapping[bytes, Peer], away: Away) -> None:
        self._context = context
        self._ledger = ledger
        self._peers = peers
        self._away = away

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
        known = self.nick_of(session)
        if nick == known:
            return nick, True
        try:
            valid_nick(nick)
        except Refusal:
            return known, True
        context, person, folded = self._context, self.fingerprint_of(session), fold(nick)
        if folded == fold(context.settings.nick) and person != context.keyring.fingerprint:
            return nick, False
        others = (peer for peer in self._peers.values() if peer.card is not None and peer.fingerprint != person)
        return nick, all(fold(peer.nick) != folded for peer in others)
