"""Gossip: what sessions say of themselves to the room: beacons, cards and goodbyes, one's own and the others'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import (
    BEACON_S,
    CAPACITY_MOST,
    CARD_AGAIN_S,
    GONE_S,
    INTRODUCE_S,
    INTRODUCED,
    PROBED,
    RELAY_AFTER_S,
    STANDS_AGAIN_MOST_S,
    STANDS_AGAIN_S,
    STANDS_APART_S,
    STANDS_LATE_S,
    STANDS_SAID,
)
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Beacon, Bye, Carded, Echo, Frontier, Signed
from sandpiper.peer.p2p.admission.guess_reports import GuessReports
from sandpiper.peer.p2p.admission.guesses import CodeGuesses
from sandpiper.peer.p2p.membership.deed_gossip import DeedGossip
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.presence.away import AwayMember
from sandpiper.peer.p2p.presence.cards import CardBook
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.presence.probing import Probing, alive_at
from sandpiper.peer.p2p.replication.message_log import MessageLog
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.outputs import OutgoingPacket
from sandpiper.peer.p2p.state.peer import Peer, Way


class Gossip:
    """Sends a member's beacons and cards by the clock, and takes in those of the others."""

    def __init__(
        self,
        context: Context,
        roster: Roster,
        replica: Replica,
        message_log: MessageLog,
        presence: Presence,
        cards: CardBook,
        deeds: DeedGossip,
        guesses: CodeGuesses,
        reports: GuessReports,
    ) -> None:
        self._context = context
        self._roster = roster
        self._deeds = deeds
        self._guesses = guesses
        self._reports = reports
        self._replica = replica
        self._message_log = message_log
        self._presence = presence
        self._cards = cards
        self.probing = Probing(context, presence, replica.fetcher.next_request)
        self._beacon_at = context.now
        self._stands_at = context.now

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float:
        """When `handle_timer` is to be called."""
        return min(self._beacon_at, self._cards.due_at)

    def handle_timer(self, now: float) -> None:
        """Sends the card and the beacon that are due."""
        if now >= self._cards.due_at:
            self._cards.due_at = now + CARD_AGAIN_S
            self._send(self._cards.sign())
        if now >= self._beacon_at:
            self._presence.age(now)
            self._cards.take_names()
            self.probing.ask()
            self._send_beacon(now)

    def show_life(self, now: float) -> bool:
        """Sends the beacon, if it has been due for so long that the next one would be; whether it was."""
        if now < self._beacon_at + BEACON_S:
            return False
        self._send_beacon(now)
        return True

    def _send_beacon(self, now: float) -> None:
        self._beacon_at = now + BEACON_S
        self._send(self._context.keyring.signed(self.make_beacon(now)))

    def send_soon(self, now: float) -> None:
        """Makes card and beacon due: a member is new, or has begun to hear us, and should not wait for them."""
        self._cards.due_at = min(self._cards.due_at, now)
        self.send_beacon_soon(now)

    def send_beacon_soon(self, now: float) -> None:
        """Makes the next beacon due."""
        self._beacon_at = min(self._beacon_at, now)

    def greet(self, peer: Peer, now: float, *, card: bool = False) -> None:
        """Sends one member the beacon, and the card if asked: sent to all, they would cost a large room dearly."""
        if card:
            self._send(self._cards.sign(), peer)
        self._send(self._context.keyring.signed(self.make_beacon(now, peer)), peer)

    def say_goodbye(self) -> None:
        """Tells the room that this session leaves, and how far its logs go."""
        session, keyring = self._context.session, self._context.keyring
        self._send(keyring.signed(Bye(keyring.next_n(), self._replica.log(session, TALK).head)))

    def _send(self, signed: Signed, peer: Peer | None = None) -> None:
        to = None if peer is None else peer.keys.session
        self._context.packets.append(OutgoingPacket(to, self._context.keyring.to_room(signed)))

    # What is heard -----------------------------------------------------------------------------------------

    def receive(self, signed: Signed, way: Way, now: float, curve: bytes | None = None) -> None:
        """Takes what a session says of itself; `curve` is whose connection it came by, where that is known."""
        presence = self._presence
        known = presence.peers.get(signed.session) or presence.away.get(signed.session)
        if known is None:
            return
        try:
            own = self._context.keyring.read(signed)
        except Refusal:
            return
        if own.n <= known.said:
            return
        first = not presence.prove(curve, signed.session) and known.said == 0
        known.said = own.n
        if isinstance(known, AwayMember):
            peer = self._returned(known, own, recorded=first)
            if peer is None:
                return
        else:
            peer = known
            if peer.told:
                peer.told, peer.proven = False, peer.proven or not first
        presence.heard(peer, way, now)
        _OWNS[type(own)](self, peer, own, signed, now)

    def receive_signs(self, peer: Peer, signs: packets.Signs, now: float) -> None:
        """Takes other members' beacons from one that was asked for them: a member that has answered us lives."""
        if signs.r not in peer.probes:
            return
        del peer.probes[signs.r]
        for signed in signs.signs[:PROBED]:
            other = self._presence.peers.get(signed.session)
            if other is None or other is peer:
                continue
            try:
                own = self._context.keyring.read(signed)
            except Refusal:
                continue
            if isinstance(own, Beacon) and own.n > other.said:
                self._take_passed(other, own, signed, now)

    def _take_passed(self, peer: Peer, beacon: Beacon, signed: Signed, now: float) -> None:
        peer.proven = peer.proven or peer.said > 0
        peer.said = beacon.n
        self.probing.keep(peer, beacon, signed, now)
        alive = alive_at(beacon, self._context.keyring.short, now)
        if alive is None or alive <= peer.heard_at:
            return
        peer.told, peer.proven = False, True
        self._presence.heard(peer, Way.HEARSAY, alive)
        self._take_delivered(peer, beacon.frontiers, now)

    def _returned(self, row: AwayMember, own: packets.AnyOwn, *, recorded: bool) -> Peer | None:
        """A member that was away speaks. If we never heard it before it may be `recorded`: it has to prove itself."""
        session = row.keys.session
        if isinstance(own, Bye):
            row.left = True
            self._end(session, own)
            return None
        peer = self._presence.wake(session, left=True)
        if peer is not None:
            peer.proven = not recorded
        return peer

    def _beacon(self, peer: Peer, beacon: Beacon, signed: Signed, now: float) -> None:
        self.probing.keep(peer, beacon, signed, now)
        me = self._context.keyring.short
        for echo in beacon.echoes:
            if echo.peer == me:
                if echo.direct:
                    peer.hears_us_at = now
                rtt = now - echo.at - echo.held
                if 0 <= rtt < GONE_S:
                    peer.rtt_s = rtt if peer.rtt_s is None else min(rtt, 0.8 * peer.rtt_s + 0.2 * rtt)
        if not peer.proven and not self._proves(peer, now):
            return
        others = [echo for echo in beacon.echoes[:CAPACITY_MOST] if echo.peer != me and echo.held < BEACON_S * 2]
        for echo in others:
            self.probing.hears(peer, echo, now)
        self._presence.told_of(echo.peer for echo in others)
        self.take_frontiers(peer, beacon.frontiers, now)
        self._deeds.compare(peer, beacon, now)
        self._reports.compare(peer, beacon, now)
        self._compare_logs(peer, beacon, now)
        self._introduce(peer, beacon, now)

    def _proves(self, peer: Peer, now: float) -> bool:
        """Whether it has heard us, so that what it says is of now; if not, it is told that we are here."""
        if peer.rtt_s is None:
            self.greet(peer, now)
            return False
        peer.proven = True
        self._presence.heard(peer, Way.RELAY, now)
        return True

    def _introduce(self, peer: Peer, beacon: Beacon, now: float) -> None:
        """Sends a peer the cards of members that we hear and it does not: it may not know where they are."""
        if now < max(peer.introduced_at + INTRODUCE_S, peer.known_at + RELAY_AFTER_S):
            return
        heard = {echo.peer for echo in beacon.echoes}
        cards = [
            other.carded
            for other in self._presence.peers.values()
            if other.short not in heard
            and other is not peer
            and other.carded is not None
            and other.hears(now)
            and now - other.known_at >= RELAY_AFTER_S
        ]
        if cards:
            peer.introduced_at = now
            self._context.send_to(peer, packets.Cards(cards[:INTRODUCED]))

    def _compare_logs(self, peer: Peer, beacon: Beacon, now: float) -> None:
        """Sends a peer the heads of all our logs, if its other logs have stood elsewhere than ours for a while.

        The peer does the same. So each claims what it has, and asks for what it lacks.
        """
        apart, digest = peer.apart, self._replica.digest
        sums = digest.sum(beacon.frontiers), beacon.rest
        peer.sums = bool(beacon.rest)
        if not beacon.rest or sums[0] == sums[1]:
            apart.since = None
            return
        apart.since = now if apart.since is None else apart.since
        if now - apart.since < STANDS_LATE_S or now < max(apart.again_at, self._stands_at):
            return
        helps = sums != apart.sums
        apart.pause_s = STANDS_AGAIN_S if helps else min(apart.pause_s * 2, STANDS_AGAIN_MOST_S)
        apart.again_at, apart.sums, self._stands_at = now + apart.pause_s, sums, now + STANDS_APART_S
        frontiers = digest.all()
        for at in range(0, len(frontiers), STANDS_SAID):
            self._context.send_to(peer, packets.Have(frontiers[at : at + STANDS_SAID]))

    def take_frontiers(self, peer: Peer, frontiers: list[Frontier], now: float) -> None:
        """Takes how far a member has the logs: what it has of ours is delivered, and of all else it can be asked."""
        self._take_delivered(peer, frontiers, now)
        for each in frontiers:
            if each.session == peer.keys.session and each.stream == TALK:
                self._replica.stands(each.session, each.seq, now)
        self._replica.fetcher.claims(peer.keys.session, frontiers, now)

    def _take_delivered(self, peer: Peer, frontiers: list[Frontier], now: float) -> None:
        for each in frontiers:
            if each.session == self._context.session and each.stream == TALK and peer.here:
                self._message_log.acked(each.seq, each.hash, now)

    def _carded(self, peer: Peer, carded: Carded, signed: Signed, now: float) -> None:
        self._cards.take(peer, carded.card, signed)

    def _bye(self, peer: Peer, bye: Bye, signed: Signed, now: float) -> None:
        self._end(signed.session, bye)
        self._presence.leaves(peer, "left")

    def _end(self, session: bytes, bye: Bye) -> None:
        """A session has written all up to there: members that are here may have what we lack of it."""
        replica, now = self._replica, self._context.now
        if bye.talk > replica.head(session, TALK):
            replica.fetcher.claims(session, [Frontier(session, TALK, bye.talk, b"")], now)
        replica.fetcher.forget(session, now)

    # What one says -----------------------------------------------------------------------------------------

    def make_beacon(self, now: float, to: Peer | None = None) -> Beacon:
        """The beacon for everybody, or for one peer. A peer that has not proven to be here is named to nobody else."""
        context, peers = self._context, self._presence.peers
        echoes = [
            Echo(peer.short, peer.beacon_at, now - peer.beacon_heard, peer.hears(now))
            for peer in peers.values()
            if now - peer.beacon_heard < GONE_S and (peer.proven or peer is to)
        ]
        digest = self._replica.digest
        here = [session for session, peer in peers.items() if peer.here]
        if any(peers[session].sums is False for session in here):  # an earlier version knows nothing of sums
            here += [session for session in self._roster.known if session not in peers]
        told = digest.frontiers([context.session, *here], now)
        return Beacon(
            context.keyring.next_n(),
            now,
            context.keyring.epoch.id,
            self._deeds.digest,
            self._guesses.generation,
            self._guesses.digest(),
            told,
            echoes,
            self._cards.own.version,
            digest.sum(told),
        )


_OWNS: dict[type, Callable[[Gossip, Peer, Any, Signed, float], None]] = {
    Beacon: Gossip._beacon,
    Carded: Gossip._carded,
    Bye: Gossip._bye,
}
