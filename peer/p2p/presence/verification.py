"""Verification: the words that two people compare, to be sure that nobody is in between."""

from __future__ import annotations

from sandpiper.common.codes import phrase
from sandpiper.common.p2p.membership import Keys
from sandpiper.common.p2p.sealing import digest
from sandpiper.peer.p2p.presence.persons import Persons
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.status import Verification


class Verifier:
    """Makes the words that the user compares with another person."""

    def __init__(self, context: Context, ledger: Ledger, persons: Persons) -> None:
        self._context = context
        self._ledger = ledger
        self._persons = persons

    def words(self, nick: str) -> list[Verification]:
        """The words to compare with each other person so called. Raises Refusal."""
        return [
            Verification(peer.nick, peer.fingerprint, " ".join(phrase(self._compared(peer.keys))))
            for peer in self._persons.here(nick)
        ]

    def _compared(self, keys: Keys) -> bytes:
        context = self._context
        mine = bytes(context.keyring.keys.identity.verify_key) + context.session
        pair = sorted((mine, keys.identity + keys.session))
        return digest(b"verify", context.keyring.room, self._ledger.founder, *pair)
