"""Persons: who is meant by a nick, or by the beginning of a fingerprint."""

from __future__ import annotations

from collections.abc import Mapping

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import FINGERPRINT_LEAST
from sandpiper.common.nicks import fold
from sandpiper.common.p2p.membership import Keys
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer


class Persons:
    """Finds the persons whom a user names: among the members, or among `peers`, who are here or may be."""

    def __init__(self, context: Context, ledger: Ledger, peers: Mapping[bytes, Peer], names: Names) -> None:
        self._context = context
        self._ledger = ledger
        self._peers = peers
        self._names = names

    def member(self, nick: str) -> bytes:
        """The identity of the one member so called, or whose fingerprint begins so. Raises Refusal."""
        found = {
            keys.identity
            for session, keys in self._ledger.state.members.items()
            if session != self._context.session and self._is_named(session, keys, nick)
        }
        found.discard(bytes(self._context.keyring.keys.identity.verify_key))
        if not found:
            raise Refusal(Code.NOT_HERE, f"nobody else here is called {nick}")
        if len(found) > 1:
            names = ", ".join(sorted(fingerprint(each) for each in found))
            raise Refusal(Code.INVALID, f"several persons are called {nick}: say which by the fingerprint: {names}")
        return found.pop()

    def here(self, nick: str) -> list[Peer]:
        """The other persons here who are so called, or whose fingerprint begins so. Raises Refusal."""
        context = self._context
        named = [peer for peer in self._peers.values() if self._is_named(peer.keys.session, peer.keys, nick)]
        found = [peer for peer in named if peer.fingerprint != context.keyring.fingerprint]
        if not found and (named or fold(context.settings.nick) == fold(nick)):
            raise Refusal(Code.INVALID, f"{nick} is you" + (", in another window of yours" if named else ""))
        if not found:
            raise Refusal(Code.NOT_HERE, f"nobody else here is called {nick}")
        return found

    def _is_named(self, session: bytes, keys: Keys, nick: str) -> bool:
        if fold(self._names.nick_of(session)) == fold(nick):
            return True
        return len(nick) >= FINGERPRINT_LEAST and fingerprint(keys.identity).startswith(nick.lower())
