"""Cards: what each session says of how it is reached and what it is called, its own and the others'."""

from __future__ import annotations

from typing import Any

import msgspec

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import CARD_BYTES
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.keys import Keys
from sandpiper.common.p2p.packets import Card, Carded, Signed
from sandpiper.peer.p2p.presence.away import AwayMember
from sandpiper.peer.p2p.presence.bearers import imitates
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.outputs import Named, NewCard, Reach
from sandpiper.peer.p2p.state.peer import Peer


class CardBook:
    """Keeps a member's own card, `own`, and takes in the others'. At `due_at` its own is to be sent again."""

    def __init__(self, context: Context, presence: Presence) -> None:
        self._context = context
        self._presence = presence
        settings = context.settings
        self.own = Card(context.session, 1, settings.nick, quiet=settings.quiet, caps=settings.caps)
        self.due_at = context.now

    # One's own ---------------------------------------------------------------------------------------------

    def change(self, **changes: Any) -> None:
        """Changes the member's own card."""
        self.own = msgspec.structs.replace(self.own, version=self.own.version + 1, **changes)
        self.due_at = self._context.now
        self._context.commands.append(NewCard())

    def rename(self, nick: str) -> None:
        """Gives the member another nick. Raises Refusal."""
        context = self._context
        valid_nick(nick)
        if imitates(nick, context.keyring.fingerprint, self._presence.looks()):
            raise Refusal(Code.INVALID, "invalid nick: it looks like somebody's key")
        was, context.settings.nick = context.settings.nick, nick
        self.change(nick=nick)
        context.notice(f"{was} is now {nick}", "nick", nick, context.keyring.fingerprint, was)
        self._presence.bearers.bears(context.session, context.keyring.fingerprint, nick, context.now)
        self._presence.namesakes.renamed_self()

    def sign(self) -> Signed:
        """The member's own card as it is now, for a lease or an application."""
        keyring = self._context.keyring
        return keyring.signed(Carded(keyring.next_n(), self.own))

    # The others' -------------------------------------------------------------------------------------------

    def take(self, peer: Peer, card: Card, signed: Signed) -> None:
        """Takes a member's card, which has been verified to be its own."""
        if not _is_newer(card, signed, peer):
            return
        card = self._harmless(card, peer.keys)
        was, peer.renaming = peer.card, card.nick
        peer.card, peer.carded = msgspec.structs.replace(card, nick=was.nick if was is not None else card.nick), signed
        if was is None or (was.hosts, was.pub, was.sub) != (card.hosts, card.pub, card.sub):
            peer.deserted = False
            self._context.commands.append(Reach(card.session))
        self._rename(peer)
        self._presence.announce(peer)

    def take_names(self) -> None:
        """Takes the nicks of those who had taken too many, one after another."""
        for peer in self._presence.peers.values():
            if peer.renaming:
                self._rename(peer)

    def _rename(self, peer: Peer) -> None:
        """Lets a peer be called what its last card says, unless it is too early to tell of yet another nick."""
        assert peer.card is not None
        context, was, nick = self._context, peer.nick, peer.renaming
        if was != nick and peer.notices.take(1, context.now):
            return
        peer.card, peer.renaming = msgspec.structs.replace(peer.card, nick=nick), ""
        first = peer.known_at <= context.entered_at and not self._presence.bearers.knows(peer.keys.session)
        since = context.entered_at if first else context.now
        if self._presence.bearers.bears(peer.keys.session, peer.fingerprint, nick, since):
            context.commands.append(Named(peer))
        if was != nick and peer.announced:
            context.notice(f"{was} is now {nick}", "nick", nick, peer.fingerprint, was)
        if was != nick and (peer.announced or peer.quiet):
            self._presence.namesakes.renamed(peer)

    def read(self, signed: Signed) -> bool:
        """Takes a card from a lease, or from another member than its own; returns whether it is its session's."""
        presence = self._presence
        try:
            own = self._context.keyring.read(signed)
        except Refusal:
            return False
        known = presence.peers.get(signed.session) or presence.away.get(signed.session)
        if known is not None and isinstance(own, Carded) and _is_newer(own.card, signed, known):
            if isinstance(known, AwayMember):
                card = self._harmless(own.card, known.keys)
                presence.away.keep_card(known, card, signed)
                presence.bearers.bears(signed.session, fingerprint(known.keys.identity), card.nick, self._context.now)
            else:
                self.take(known, own.card, signed)
        return isinstance(own, Carded)

    def _harmless(self, card: Card, keys: Keys) -> Card:
        """The card with a nick that may be shown."""
        person = fingerprint(keys.identity)
        try:
            shown = not imitates(valid_nick(card.nick), person, self._presence.looks())
        except Refusal:
            shown = False
        return card if shown else msgspec.structs.replace(card, nick=person[:8])

    def read_lease(self, blob: bytes) -> bytes:
        """Takes a card as it lies at a discovery service; returns whose it is, empty for nobody's."""
        for epoch in list(self._context.keyring.epochs.values()):
            try:
                signed = packets.open_card(epoch, blob)
            except Refusal:
                continue
            return signed.session if self.read(signed) else b""
        return b""


def _is_newer(card: Card, signed: Signed, known: Peer | AwayMember) -> bool:
    """Whether it is the session's own card, and newer than the one that we have."""
    own = card.session == known.keys.session and len(signed.body) <= CARD_BYTES
    return own and (known.card is None or card.version > known.card.version)
