"""What a member does with each packet that comes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import EPOCH_ASKED, PAGE_LEAST
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.envelope import DEEDS
from sandpiper.common.p2p.packets import Shout, Signed
from sandpiper.peer.p2p.membership.deed_log import DeedLog
from sandpiper.peer.p2p.membership.governance import Governance
from sandpiper.peer.p2p.presence.cards import CardBook
from sandpiper.peer.p2p.presence.gossip import Gossip
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.presence.verification import Verifier
from sandpiper.peer.p2p.presence.whispers import PeerWhispers
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.replication.past import Past
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer, Way

_UNKNOWN_EPOCH_S = 1.0


class PacketReceiver:
    """Opens packets and hands what they say to the part of the member that it concerns."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        replica: Replica,
        presence: Presence,
        cards: CardBook,
        gossip: Gossip,
        deed_log: DeedLog,
        governance: Governance,
        whispers: PeerWhispers,
        past: Past,
        verifier: Verifier,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._replica = replica
        self._presence = presence
        self._cards = cards
        self._gossip = gossip
        self._deed_log = deed_log
        self._governance = governance
        self._past = past
        self._asked_epoch_at = float("-inf")
        self._asked_epoch_of = 0
        self._handlers: dict[type, Callable[[Peer, Any, float], None]] = {
            packets.Pull: self._pull,
            packets.Page: self._page,
            packets.Have: self._have,
            packets.Probe: gossip.probing.answer,
            packets.Signs: gossip.receive_signs,
            packets.Cards: self._take_cards,
            packets.Hush: whispers.receive,
            packets.Heard: whispers.confirm,
            packets.Compare: verifier.receive_compare,
            packets.Nonce: verifier.receive_nonce,
            packets.Reveal: verifier.receive_reveal,
            packets.Compared: verifier.receive_compared,
            packets.Want: self._want,
            packets.Key: self._key,
        }

    def receive(self, packet: bytes, way: Way, now: float, curve: bytes | None) -> bool:
        """Takes one packet; `curve` is whose connection it came by, where that is known.

        Returns whether all is calm: it was talk that came in its turn, after which nothing is due earlier than before.
        """
        presence, calm = self._presence, True
        source = None if curve is None else presence.by_curve.get(curve) or presence.peer_of(curve)
        if source is not None:
            source.proven = True
            if Way.MESH not in source.heard:
                calm = False
                self._replica.fetcher.ask_again(source.keys.session, now)
                self._past.ask_again(source.keys.session, now)
            source.heard[Way.MESH] = now
        try:
            session, said = self._context.keyring.open(packet)
        except Refusal as refusal:
            if refusal.code is Code.NOT_HERE and not presence.missed(packet):
                self._ask_for_epoch(source, now)
            return False
        if isinstance(said, Shout):
            return self._deed_log.take(said, now) and calm
        if session is not None:
            peer = presence.peers.get(session)
            if peer is not None:
                presence.prove(curve, session)
                presence.heard(peer, way, now)
                self._handlers[type(said)](peer, said, now)
        elif isinstance(said, Signed):
            self._gossip.receive(said, way, now, curve)
        return False

    def _ask_for_epoch(self, source: Peer | None, now: float) -> None:
        """Asks for the deeds that made an unknown epoch; a relayed packet does not tell its sender: any peer."""
        if now - self._asked_epoch_at < _UNKNOWN_EPOCH_S:
            return
        self._asked_epoch_at = now
        peers = self._presence.peers
        if source is None:
            if not peers:
                return
            source = list(peers.values())[self._asked_epoch_of % len(peers)]
        members = list(self._ledger.state.members)
        at = self._asked_epoch_of * EPOCH_ASKED % len(members)
        self._asked_epoch_of += 1
        owners = [session for session in members if self._ledger.is_owner(session)]
        for session in dict.fromkeys([*owners[-EPOCH_ASKED:], *peers, *members[at : at + EPOCH_ASKED]]):
            self._replica.fetcher.ask_on((session, DEEDS), source.keys.session)

    def _pull(self, peer: Peer, pull: packets.Pull, now: float) -> None:
        floor = self._governance.floor(peer.keys.session, pull.session, pull.stream)
        if not peer.requests.is_new(pull.r):
            return  # a relay says it again, or it came by two ways
        page = self._replica.answer(pull, floor)
        if not peer.pages.take(max(sum(map(len, page.envelopes)), PAGE_LEAST), now):
            self._context.send_to(peer, page)  # else it asks again, or somebody else

    def _page(self, peer: Peer, page: packets.Page, now: float) -> None:
        if not self._past.page(peer.keys.session, page, now):
            self._deed_log.accept(self._replica.page(peer.keys.session, page, now))

    def _have(self, peer: Peer, have: packets.Have, now: float) -> None:
        self._gossip.take_frontiers(peer, have.frontiers, now)

    def _take_cards(self, peer: Peer, said: packets.Cards, now: float) -> None:
        for signed in said.cards:
            self._cards.read(signed)

    def _want(self, peer: Peer, want: packets.Want, now: float) -> None:
        epoch = self._context.keyring.epoch
        if want.epoch == epoch.id == self._ledger.state.epoch:
            self._context.send_to(peer, packets.Key(epoch.key))

    def _key(self, peer: Peer, key: packets.Key, now: float) -> None:
        try:
            self._governance.receive_key(key.key)
        except Refusal:
            return  # no key
