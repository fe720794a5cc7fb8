"""Gossip: what sessions say of themselves to the room: beacons, cards and goodbyes, the others' and one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from sandpiper.common import packets
from sandpiper.common.envelope import DEEDS, TALK
from sandpiper.common.errors import Refusal
from sandpiper.common.limits import (
    BEACON_S,
    CARD_AGAIN_S,
    CARD_BYTES,
    GONE_S,
    INTRODUCE_S,
    INTRODUCED,
    RELAY_AFTER_S,
)
from sandpiper.common.messages import Notice
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.common.packets import Beacon, Bye, Card, Carded, Echo, Frontier, Signed
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.outputs import NewCard, Out, Reach
from sandpiper.peer.p2p.peers import Peer, State, Way

if TYPE_CHECKING:
    from sandpiper.peer.p2p.member import Member

_ROSTER_S = 10.0


class Gossip:
    """One member's. `card` is its own."""

    def __init__(self, member: Member, now: float) -> None:
        self._member = member
        settings = member.settings
        self.card = Card(member.session, 1, settings.nick, quiet=settings.quiet, caps=settings.caps)
        self._beacon_at = now
        self._card_at = now
        self._mismatch: dict[bytes, float] = {}

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float:
        """When `handle_timer` is to be called."""
        return min(self._beacon_at, self._card_at)

    def handle_timer(self, now: float) -> None:
        """Says again how it is reached, and that it lives."""
        if now >= self._card_at:
            self._card_at = now + CARD_AGAIN_S
            self._say(self.signed_card())
        if now >= self._beacon_at:
            self._beacon_at = now + BEACON_S
            self._member.presence.age(now)
            self._say(self._member.keyring.signed(self.make_beacon(now)))

    def hurry(self, now: float) -> None:
        """Somebody is new, or has begun to hear us, and should not wait for what is said by the clock."""
        self._card_at = min(self._card_at, now)
        self._beacon_at = min(self._beacon_at, now)

    def hurry_beacon(self, now: float) -> None:
        """The next beacon is due."""
        self._beacon_at = min(self._beacon_at, now)

    def greet(self, peer: Peer, now: float, *, card: bool = False) -> None:
        """What all hear by the clock, for one alone: were it said to all, a newcomer would cost a large room dearly."""
        if card:
            self._say(self.signed_card(), peer)
        self._say(self._member.keyring.signed(self.make_beacon(now)), peer)

    def _say(self, signed: Signed, peer: Peer | None = None) -> None:
        to = None if peer is None else peer.keys.session
        self._member.outs.append(Out(to, self._member.keyring.to_room(signed)))

    # What is heard -----------------------------------------------------------------------------------------

    def receive(self, signed: Signed, way: Way, now: float) -> None:
        """Something that a session says of itself."""
        peer = self._member.presence.peers.get(signed.session)
        if peer is None:
            self._member.strangers += signed.session != self._member.session
            return
        try:
            own = self._member.keyring.read(signed)
        except Refusal:
            self._member.strangers += 1
            return
        if own.n <= peer.said:
            return
        peer.said = own.n
        self._member.presence.heard(peer, way, now)
        _OWNS[type(own)](self, peer, own, signed, now)

    def _beacon(self, peer: Peer, beacon: Beacon, signed: Signed, now: float) -> None:
        peer.beacon_at, peer.beacon_heard = beacon.at, now
        me = self._member.keyring.short
        for echo in beacon.echoes:
            if echo.peer == me:
                if echo.direct:
                    peer.hears_us_at = now
                rtt = now - echo.at - echo.held
                if 0 <= rtt < GONE_S:
                    peer.rtt_s = rtt if peer.rtt_s is None else min(rtt, 0.8 * peer.rtt_s + 0.2 * rtt)
            elif echo.held < BEACON_S * 2:
                self._hearsay(echo, now)
        self.stands(peer, beacon.frontiers, now)
        self._member.replica.claims(peer.keys.session, beacon.frontiers, now)
        self._compare(peer, beacon, now)
        self._introduce(peer, beacon, now)

    def _hearsay(self, echo: Echo, now: float) -> None:
        other = self._member.presence.shorts.get(echo.peer)
        if other is not None and other.state is not State.LEFT and now - other.heard_at > BEACON_S:
            self._member.presence.heard(other, Way.HEARSAY, now - echo.held if echo.held > 0 else now)

    def _introduce(self, peer: Peer, beacon: Beacon, now: float) -> None:
        """Whoever does not hear somebody whom we hear may not know where that one is."""
        if now < max(peer.introduced_at + INTRODUCE_S, peer.known_at + RELAY_AFTER_S):
            return
        heard = {echo.peer for echo in beacon.echoes}
        cards = [
            other.carded
            for other in self._member.presence.peers.values()
            if other.short not in heard
            and other is not peer
            and other.carded is not None
            and other.hears(now)
            and now - other.known_at >= RELAY_AFTER_S
        ]
        if cards:
            peer.introduced_at = now
            self._member.say_to(peer, packets.Cards(cards[:INTRODUCED]))

    def _compare(self, peer: Peer, beacon: Beacon, now: float) -> None:
        """Whoever knows of other members for long has been shown another room, or is cut off from somebody."""
        peer.roster = beacon.roster
        if beacon.roster == self._member.ledger.roster() or beacon.epoch != self._member.keyring.epoch.id:
            self._mismatch.pop(peer.keys.session, None)
            return
        since = self._mismatch.setdefault(peer.keys.session, now)
        if now - since > _ROSTER_S and since > 0:
            self._mismatch[peer.keys.session] = float("-inf")
            text = f"{peer.nick} knows of other members than you do: /verify, if that does not pass"
            self._member.events.append(Warned("roster", text))

    def stands(self, peer: Peer, stands: Iterable[Frontier], now: float) -> None:
        """Where one's own logs stand at a member."""
        for stand in stands:
            if stand.session == self._member.session and stand.stream == TALK and peer.here:
                self._member.talk.acked(stand.seq, stand.hash, now)

    def _carded(self, peer: Peer, carded: Carded, signed: Signed, now: float) -> None:
        self.take_card(peer, carded.card, signed)

    def take_card(self, peer: Peer, card: Card, signed: Signed) -> None:
        """A member's card, verified to be its own."""
        if (
            card.session != peer.keys.session
            or len(signed.body) > CARD_BYTES
            or (peer.card is not None and card.version <= peer.card.version)
        ):
            return
        try:
            valid_nick(card.nick)
        except Refusal:
            card = msgspec.structs.replace(card, nick=peer.fingerprint[:8])
        was, peer.card, peer.carded = peer.card, card, signed
        if was is None or (was.hosts, was.pub, was.sub) != (card.hosts, card.pub, card.sub):
            self._member.commands.append(Reach(card.session))
        if was is not None and was.nick != card.nick and peer.announced:
            text = f"{was.nick} is now {card.nick}"
            self._member.events.append(
                Notice(
                    text,
                    int(self._member.wall()),
                    self._member.room_name,
                    "nick",
                    card.nick,
                    was.nick,
                    peer.fingerprint,
                )
            )
        self._member.presence.announce(peer)

    def read_card(self, signed: Signed) -> None:
        """A card that came by another way: from a lease, or from another member."""
        peer = self._member.presence.peers.get(signed.session)
        if peer is None:
            return
        try:
            own = self._member.keyring.read(signed)
        except Refusal:
            self._member.strangers += 1
            return
        if isinstance(own, Carded):
            self.take_card(peer, own.card, signed)

    def lease_card(self, blob: bytes) -> bytes:
        """A card as it lies at the discovery service; whose it is, empty if nobody's that we know of."""
        for epoch in list(self._member.keyring.epochs.values()):
            try:
                signed = packets.open_card(epoch, blob)
            except Refusal:
                continue
            self.read_card(signed)
            return signed.session
        self._member.strangers += 1
        return b""

    def _bye(self, peer: Peer, bye: Bye, signed: Signed, now: float) -> None:
        stands = [Frontier(signed.session, TALK, bye.talk, b""), Frontier(signed.session, DEEDS, bye.deeds, b"")]
        for stand in stands:
            track = self._member.replica.tracks.get((stand.session, stand.stream))
            if track is not None and stand.seq > track.log.head:
                self._member.replica.claims(signed.session, [stand], now)
        self._member.presence.leaves(peer, "left")
        self._member.replica.forget(signed.session)

    # What one says -----------------------------------------------------------------------------------------

    def set_card(self, **changes: Any) -> None:
        """One's own card changes."""
        self.card = msgspec.structs.replace(self.card, version=self.card.version + 1, **changes)
        self._card_at = self._member.now
        self._member.commands.append(NewCard())

    def rename(self, nick: str) -> None:
        """Another nick of one's own. Raises Refusal."""
        was, self._member.settings.nick = self._member.settings.nick, valid_nick(nick)
        self.set_card(nick=nick)
        text = f"{was} is now {nick}"
        self._member.events.append(
            Notice(
                text,
                int(self._member.wall()),
                self._member.room_name,
                "nick",
                nick,
                was,
                self._member.keyring.fingerprint,
            )
        )

    def signed_card(self) -> Signed:
        """One's own card, for a lease or an application."""
        return self._member.keyring.signed(Carded(self._member.keyring.next_n(), self.card))

    def bye(self, now: float) -> None:
        """Says goodbye."""
        talk, deeds_log = (
            self._member.replica.log(self._member.session, TALK),
            self._member.replica.log(self._member.session, DEEDS),
        )
        own = Bye(self._member.keyring.next_n(), talk.head, deeds_log.head)
        self._say(self._member.keyring.signed(own))

    def make_beacon(self, now: float) -> Beacon:
        """What one says every second."""
        echoes = [
            Echo(peer.short, peer.beacon_at, now - peer.beacon_heard, peer.hears(now))
            for peer in self._member.presence.peers.values()
            if now - peer.beacon_heard < GONE_S
        ]
        return Beacon(
            self._member.keyring.next_n(),
            now,
            self._member.keyring.epoch.id,
            self._member.ledger.roster(),
            self._member.replica.stands(now),
            echoes,
            self.card.version,
        )


_OWNS: dict[type, Callable[[Gossip, Peer, Any, Signed, float], None]] = {
    Beacon: Gossip._beacon,
    Carded: Gossip._carded,
    Bye: Gossip._bye,
}
