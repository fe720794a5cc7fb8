"""What a member does with each packet that comes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import INTRODUCED, PAGE_LEAST
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.packets import Shout, Signed
from sandpiper.peer.p2p.admission.guess_reports import GuessReports
from sandpiper.peer.p2p.membership.deed_gossip import DeedGossip
from sandpiper.peer.p2p.membership.governance import Governance
from sandpiper.peer.p2p.membership.rekeying import Rekeying
from sandpiper.peer.p2p.presence.cards import CardBook
from sandpiper.peer.p2p.presence.gossip import Gossip
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.presence.verification import Verifier
from sandpiper.peer.p2p.presence.whispers import PeerWhispers
from sandpiper.peer.p2p.replication.past import Past
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.replication.talk_intake import TalkIntake
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.peer import Peer, Way

_UNKNOWN_KEY_S = 1.0
_TO_WHO_WAITS = (packets.Tips, packets.Fetch, packets.Deeds, packets.Want, packets.Key)


class PacketReceiver:
    """Opens packets and hands what they say to the part of the member that it concerns."""

    def __init__(
        self,
        context: Context,
        replica: Replica,
        presence: Presence,
        cards: CardBook,
        gossip: Gossip,
        talk: TalkIntake,
        deeds: DeedGossip,
        rekeying: Rekeying,
        governance: Governance,
        reports: GuessReports,
        whispers: PeerWhispers,
        past: Past,
        verifier: Verifier,
    ) -> None:
        self._context = context
        self._replica = replica
        self._presence = presence
        self._cards = cards
        self._gossip = gossip
        self._talk = talk
        self._deeds = deeds
        self._rekeying = rekeying
        self._governance = governance
        self._past = past
        self._asked_at = float("-inf")
        self._asked = 0
        self._handlers: dict[type, Callable[[Peer, Any, float], None]] = {
            packets.Pull: self._pull,
            packets.Page: self._page,
            packets.Have: self._have,
            packets.Probe: gossip.probing.answer,
            packets.Signs: gossip.receive_signs,
            packets.Cards: self._take_cards,
            packets.Hush: whispers.receive,
            packets.Heard: whispers.confirm,
            packets.Tips: deeds.receive_tips,
            packets.Fetch: deeds.receive_fetch,
            packets.Deeds: deeds.receive_deeds,
            packets.Misses: reports.receive,
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
                self._ask_for_deeds(source, packet, now)
            return False
        if isinstance(said, Shout):
            self._deeds.take(said.deeds, source, now)
            return self._talk.take(said.envelopes, now) and calm and not said.deeds
        if session is not None:
            peer = presence.peers.get(session)
            if peer is not None:
                presence.prove(curve, session)
                presence.heard(peer, way, now)
                if not self._governance.waits(session) or isinstance(said, _TO_WHO_WAITS):
                    self._handlers[type(said)](peer, said, now)
        elif isinstance(said, Signed):
            self._gossip.receive(said, way, now, curve)
        return False

    def _ask_for_deeds(self, source: Peer | None, packet: bytes, now: float) -> None:
        """Asks for the deeds that made an unknown key; a relayed packet does not tell its sender: any peer."""
        if now - self._asked_at < _UNKNOWN_KEY_S:
            return
        self._asked_at = now
        peers = list(self._presence.peers.values())
        if source is None and peers:
            source = peers[self._asked % len(peers)]
        self._asked += 1
        epoch = packets.for_room(packet)
        if source is not None and epoch is not None:
            self._deeds.seek(source, epoch, now)

    def _pull(self, peer: Peer, pull: packets.Pull, now: float) -> None:
        floor = self._governance.floor(peer.keys.session, pull.session, pull.stream)
        if not peer.requests.is_new(pull.r):
            return  # a relay says it again, or it came by two ways
        page = self._replica.answer(pull, floor)
        if not peer.pages.take(max(sum(map(len, page.envelopes)), PAGE_LEAST), now):
            self._context.send_to(peer, page)  # else it asks again, or somebody else

    def _page(self, peer: Peer, page: packets.Page, now: float) -> None:
        if not self._past.page(peer.keys.session, page, now):
            self._talk.accept(self._replica.page(peer.keys.session, page, now))

    def _have(self, peer: Peer, have: packets.Have, now: float) -> None:
        self._gossip.take_frontiers(peer, have.frontiers, now)

    def _take_cards(self, peer: Peer, said: packets.Cards, now: float) -> None:
        for signed in said.cards[:INTRODUCED]:
            self._cards.read(signed)

    def _want(self, peer: Peer, want: packets.Want, now: float) -> None:
        self._rekeying.give(peer, want)

    def _key(self, peer: Peer, key: packets.Key, now: float) -> None:
        self._rekeying.receive(key)
        self._governance.follow_key()
