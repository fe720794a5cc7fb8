"""Gossip: what sessions say of themselves to the room: beacons, cards and goodbyes, the others' and one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from sandpiper.common.errors import Refusal
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import (
    BEACON_S,
    CAPACITY_MOST,
    CARD_AGAIN_S,
    CARD_BYTES,
    GONE_S,
    INTRODUCE_S,
    INTRODUCED,
    RELAY_AFTER_S,
    STANDS_AGAIN_MOST_S,
    STANDS_AGAIN_S,
    STANDS_APART_S,
    STANDS_LATE_S,
    STANDS_SAID,
)
from sandpiper.common.messages import Notice
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.envelope import DEEDS, TALK
from sandpiper.common.p2p.membership import Keys
from sandpiper.common.p2p.packets import Beacon, Bye, Card, Carded, Echo, Frontier, Signed
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.presence.away import Row
from sandpiper.peer.p2p.state.outputs import NewCard, Out, Reach
from sandpiper.peer.p2p.state.peer import Peer, Way

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
        self._stands_at = now

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
        self._say(self._member.keyring.signed(self.make_beacon(now, peer)), peer)

    def _say(self, signed: Signed, peer: Peer | None = None) -> None:
        to = None if peer is None else peer.keys.session
        self._member.outs.append(Out(to, self._member.keyring.to_room(signed)))

    # What is heard -----------------------------------------------------------------------------------------

    def receive(self, signed: Signed, way: Way, now: float, curve: bytes | None = None) -> None:
        """Something that a session says of itself; `curve` is whose connection it came by, where that is known."""
        presence = self._member.presence
        known = presence.peers.get(signed.session) or presence.away.get(signed.session)
        if known is None:
            self._member.strangers += signed.session != self._member.session
            return
        try:
            own = self._member.keyring.read(signed)
        except Refusal:
            self._member.strangers += 1
            return
        if own.n <= known.said:
            return
        first = known.said == 0 and not presence.owns(curve, signed.session)
        known.said = own.n
        if isinstance(known, Row):
            peer = self._returned(known, own, recorded=first)
            if peer is None:
                return
        else:
            peer = known
            if peer.told:
                peer.told, peer.proven = False, peer.proven or not first
        presence.heard(peer, way, now)
        _OWNS[type(own)](self, peer, own, signed, now)

    def _returned(self, row: Row, own: packets.AnyOwn, *, recorded: bool) -> Peer | None:
        """Somebody who is away speaks. Of whom we never heard it may be `recorded`: that is to be proven."""
        session = row.keys.session
        if isinstance(own, Bye):
            row.left = True
            self._ends(session, own)
            return None
        peer = self._member.presence.wake(session, left=True)
        if peer is not None:
            peer.proven = not recorded
        return peer

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
        if not peer.proven and not self._proves(peer, now):
            return
        others = [echo for echo in beacon.echoes[:CAPACITY_MOST] if echo.peer != me and echo.held < BEACON_S * 2]
        for echo in others:
            self._hearsay(echo, now)
        self._member.presence.told_of(echo.peer for echo in others)
        self.stands(peer, beacon.frontiers, now)
        self._member.replica.claims(peer.keys.session, beacon.frontiers, now)
        self._compare(peer, beacon, now)
        self._compare_logs(peer, beacon, now)
        self._introduce(peer, beacon, now)

    def _proves(self, peer: Peer, now: float) -> bool:
        """Whether it has heard us, so that what it says is of now; it is told that we are here, if not."""
        if peer.rtt_s is None:
            self.greet(peer, now)
            return False
        peer.proven = True
        self._member.presence.heard(peer, Way.RELAY, now)
        return True

    def _hearsay(self, echo: Echo, now: float) -> None:
        """Another member hears somebody. That keeps who is here, but is no proof that somebody is."""
        other = self._member.presence.named(echo.peer)
        if other is not None and other.proven and now - other.heard_at > BEACON_S:
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
        if beacon.roster == self._member.ledger.roster() or beacon.epoch != self._member.keyring.epoch.id:
            peer.odd_since = None
            return
        if peer.odd_since is None:
            peer.odd_since = now
        if now - peer.odd_since > _ROSTER_S and peer.odd_since > 0:
            peer.odd_since = float("-inf")
            text = f"{peer.nick} knows of other members than you do: /verify, if that does not pass"
            self._member.events.append(Warned("roster", text))

    def _compare_logs(self, peer: Peer, beacon: Beacon, now: float) -> None:
        """Where its other logs stand elsewhere than ours, and not just for the moment, it is told of all of ours.

        It sees the same, and tells us of its own: so each claims what it has, and what is missing is asked for.
        """
        apart, standing = peer.apart, self._member.replica.standing
        sums = standing.sum(beacon.frontiers), beacon.rest
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
        stands = standing.all()
        for at in range(0, len(stands), STANDS_SAID):
            self._member.say_to(peer, packets.Have(stands[at : at + STANDS_SAID]))

    def stands(self, peer: Peer, stands: Iterable[Frontier], now: float) -> None:
        """Where one's own logs stand at a member."""
        for stand in stands:
            if stand.session == self._member.session and stand.stream == TALK and peer.here:
                self._member.talk.acked(stand.seq, stand.hash, now)

    def _carded(self, peer: Peer, carded: Carded, signed: Signed, now: float) -> None:
        self.take_card(peer, carded.card, signed)

    def take_card(self, peer: Peer, card: Card, signed: Signed) -> None:
        """A member's card, verified to be its own."""
        if not _is_newer(card, signed, peer):
            return
        card = _harmless(card, peer.keys)
        was, peer.card, peer.carded = peer.card, card, signed
        if was is None or (was.hosts, was.pub, was.sub) != (card.hosts, card.pub, card.sub):
            peer.deserted = False
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

    def read_card(self, signed: Signed) -> bool:
        """A card that came by another way: from a lease, or from another member. Whether it is of whom it says."""
        presence = self._member.presence
        try:
            own = self._member.keyring.read(signed)
        except Refusal:
            self._member.strangers += 1
            return False
        known = presence.peers.get(signed.session) or presence.away.get(signed.session)
        if known is not None and isinstance(own, Carded) and _is_newer(own.card, signed, known):
            if isinstance(known, Row):
                presence.away.keep_card(known, _harmless(own.card, known.keys), signed)
            else:
                self.take_card(known, own.card, signed)
        return isinstance(own, Carded)

    def lease_card(self, blob: bytes) -> bytes:
        """A card as it lies at the discovery service; whose it is, empty if nobody's."""
        for epoch in list(self._member.keyring.epochs.values()):
            try:
                signed = packets.open_card(epoch, blob)
            except Refusal:
                continue
            return signed.session if self.read_card(signed) else b""
        self._member.strangers += 1
        return b""

    def _bye(self, peer: Peer, bye: Bye, signed: Signed, now: float) -> None:
        self._ends(signed.session, bye)
        self._member.presence.leaves(peer, "left")

    def _ends(self, session: bytes, bye: Bye) -> None:
        """It has said all up to there: whoever is here may have what we lack of it."""
        replica = self._member.replica
        for stand in (Frontier(session, TALK, bye.talk, b""), Frontier(session, DEEDS, bye.deeds, b"")):
            if stand.seq > replica.head(session, stand.stream):
                replica.claims(session, [stand], self._member.now)
        replica.forget(session, self._member.now)

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

    def make_beacon(self, now: float, to: Peer | None = None) -> Beacon:
        """What one says every second, or to one alone. Who is not proven to be here is named to nobody else."""
        peers = self._member.presence.peers
        echoes = [
            Echo(peer.short, peer.beacon_at, now - peer.beacon_heard, peer.hears(now))
            for peer in peers.values()
            if now - peer.beacon_heard < GONE_S and (peer.proven or peer is to)
        ]
        standing = self._member.replica.standing
        here = [session for session, peer in peers.items() if peer.here]
        if any(peers[session].sums is False for session in here):  # an earlier version knows nothing of sums
            here += [session for session in self._member.ledger.known if session not in peers]
        told = standing.told([self._member.session, *here], now)
        return Beacon(
            self._member.keyring.next_n(),
            now,
            self._member.keyring.epoch.id,
            self._member.ledger.roster(),
            told,
            echoes,
            self.card.version,
            standing.sum(told),
        )


_OWNS: dict[type, Callable[[Gossip, Peer, Any, Signed, float], None]] = {
    Beacon: Gossip._beacon,
    Carded: Gossip._carded,
    Bye: Gossip._bye,
}


def _is_newer(card: Card, signed: Signed, known: Peer | Row) -> bool:
    """Whether it is one's own card, and newer than the one that we have."""
    own = card.session == known.keys.session and len(signed.body) <= CARD_BYTES
    return own and (known.card is None or card.version > known.card.version)


def _harmless(card: Card, keys: Keys) -> Card:
    """As it may be shown."""
    try:
        valid_nick(card.nick)
    except Refusal:
        return msgspec.structs.replace(card, nick=fingerprint(keys.identity)[:8])
    return card
