"""A member of a room between peers, as a pure machine: packets, letters and `now` in; packets, letters, commands and
events out.

It puts together the keyring, the replica of everybody's logs, the ledger that follows from their deeds, the others'
presence, the sponsor, and one's own talk. The engine carries its packets by whatever way there is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import Code, Refusal, SandpiperError
from sandpiper.common.limits import BACKLOG_S, EPOCH_ASKED, EVENTS_WAITING, PAGE_LEAST
from sandpiper.common.p2p import admission, packets
from sandpiper.common.p2p.envelope import DEEDS, TALK, Envelope
from sandpiper.common.p2p.membership import Admit, Miss
from sandpiper.common.p2p.packets import Carded, Frontier, Shout, Signed
from sandpiper.peer.events import Event
from sandpiper.peer.p2p.admission.handover import make_welcome
from sandpiper.peer.p2p.admission.sponsor import Knows, Missed, Sponsor
from sandpiper.peer.p2p.membership.deed_log import Chronicle
from sandpiper.peer.p2p.membership.governance import Rule
from sandpiper.peer.p2p.membership.reunion import Reunion
from sandpiper.peer.p2p.presence.gossip import Gossip
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.presence.whispers import Whispering
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.replication.message_log import Talk
from sandpiper.peer.p2p.replication.past import Past
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.state.keyring import Keyring
from sandpiper.peer.p2p.state.outputs import Command, NewEpoch, Out, Settings
from sandpiper.peer.p2p.state.peer import Peer, Way

_UNKNOWN_EPOCH_S = 1.0


class Member:
    """Made by entry.found_room or entry.enter_room. Take `outs`, `commands`, `events`, `answers` and the letters
    of `sponsor` and `reunion` after each call; `broken` says that it cannot go on.
    """

    def __init__(
        self,
        keyring: Keyring,
        ledger: Ledger,
        replica: Replica,
        code: RoomCode,
        password: str | None,
        settings: Settings,
        *,
        run: bytes,
        now: float,
        wall: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self.keyring = keyring
        self.ledger = ledger
        self.replica = replica
        self.settings = settings
        self.run = run
        self.now = self.entered_at = now
        self.wall = wall
        self.events: deque[Event] = deque()
        self.outs: list[Out] = []
        self.commands: list[Command] = []
        self.answers: list[tuple[str, Refusal | None]] = []
        self.broken: SandpiperError | None = None
        self.strangers = 0
        self.presence = Presence(self)
        self.gossip = Gossip(self, now)
        self.reunion = Reunion(self)
        self.chronicle = Chronicle(self)
        self.whispering = Whispering(self)
        self.talk = Talk(keyring, replica, run, self.events, self.presence.called, now)
        self.past = Past(self)
        self.rule = Rule(self, code, password, entropy)
        self.sponsor = Sponsor(keyring.room, code.nameplate, self.rule.form, entropy)
        self._backlog: dict[bytes, int] = {}
        self._backlog_until = 0.0
        self._held = False
        self._asked_epoch_at = float("-inf")
        self._asked_epoch_of = 0
        replica.reach_by(self.presence.reachable, self.presence.ended, self.presence.met)

    @property
    def session(self) -> bytes:
        """One's own."""
        return self.keyring.session

    @property
    def held(self) -> bool:
        """Whether what is heard waits for the reader."""
        return self._held

    @property
    def room_name(self) -> str:
        """The code as a room's name."""
        return str(self.rule.code)

    @property
    def peers(self) -> dict[bytes, Peer]:
        """The other sessions."""
        return self.presence.peers

    def expect(self, present: set[bytes], heads: list[admission.Head], now: float, backlog: int | None) -> None:
        """Who is here, as the sponsor says, and the history to wait for before anything is shown."""
        stands = [Frontier(head.session, head.stream, head.head, b"") for head in heads]
        for stand in stands:
            for source in present:
                self.replica.claims(source, [stand], now)
        self.talk.backlog_most = backlog
        self.past.entered(heads)
        if backlog == 0:
            self.replica.start_at_heads()
            return
        self._backlog = {head.session: head.head for head in heads if head.head >= head.start}
        self._backlog_until = now + BACKLOG_S
        self.replica.hurry(now)

    def epoch_taken(self, *, cut: bool) -> None:
        """The keyring has another epoch."""
        self.commands.append(NewEpoch(cut))
        self.gossip.hurry(self.now)

    # Packets ------------------------------------------------------------------------------------------

    def receive(self, packet: bytes, way: Way, now: float, curve: bytes | None = None) -> None:
        """One packet; `curve` is whose connection it came by, where that is known. Then `settle` is to be called."""
        self.now = now
        source = self.presence.peer_of(curve) if curve is not None else None
        if source is not None:
            source.proven = True
            if Way.MESH not in source.heard:
                self.ask_again(source.keys.session, now)
            source.heard[Way.MESH] = now
        try:
            session, said = self.keyring.open(packet)
        except Refusal as refusal:
            self.strangers += 1
            if refusal.code is Code.NOT_HERE and not self.presence.missed(packet):
                self._ask_for_epoch(source, now)
            return
        if session is not None:
            peer = self.presence.peers.get(session)
            if peer is not None:
                self.presence.heard(peer, way, now)
                _PAIRS[type(said)](self, peer, said, now)
        elif isinstance(said, Shout):
            self.take_in(said, now)
        elif isinstance(said, Signed):
            self.gossip.receive(said, way, now, curve)

    def take_in(self, shout: Shout, now: float) -> None:
        """Envelopes that were pushed. A deed may say whose the next one is, so one after the other."""
        for raw in shout.envelopes:
            self.chronicle.accept(self.replica.take([raw], now))

    def ask_again(self, source: bytes, now: float) -> None:
        """A member hears us from now on, or we it: what it was asked before, or its answer, never arrived."""
        self.replica.ask_again(source, now)
        self.past.ask_again(source, now)

    def _ask_for_epoch(self, source: Peer | None, now: float) -> None:
        """It speaks by a key that we do not know: its owners' deeds will tell. By a relay it may be anybody."""
        if now - self._asked_epoch_at < _UNKNOWN_EPOCH_S:
            return
        self._asked_epoch_at = now
        if source is None:
            others = list(self.peers.values())
            if not others:
                return
            source = others[self._asked_epoch_of % len(others)]
        members = list(self.ledger.state.members)
        at = self._asked_epoch_of * EPOCH_ASKED % len(members)
        self._asked_epoch_of += 1
        owners = [session for session in members if self.ledger.is_owner(session)]
        for session in dict.fromkeys([*owners[-EPOCH_ASKED:], *self.peers, *members[at : at + EPOCH_ASKED]]):
            self.replica.ask_on((session, DEEDS), source.keys.session)

    def _pull(self, peer: Peer, pull: packets.Pull, now: float) -> None:
        floor = self.rule.floor(peer.keys.session, pull.session, pull.stream)
        page = self.replica.answer(pull, floor)
        if not peer.pages.take(max(sum(map(len, page.envelopes)), PAGE_LEAST), now):
            self.say_to(peer, page)  # else it asks again, or somebody else

    def _page(self, peer: Peer, page: packets.Page, now: float) -> None:
        if self.past.page(peer.keys.session, page, now):
            return
        self.chronicle.accept(self.replica.page(peer.keys.session, page, now))

    def _have(self, peer: Peer, have: packets.Have, now: float) -> None:
        self.gossip.stands(peer, have.frontiers, now)
        self.replica.claims(peer.keys.session, have.frontiers, now)

    def _cards(self, peer: Peer, cards: packets.Cards, now: float) -> None:
        for signed in cards.cards:
            self.gossip.read_card(signed)

    def _want(self, peer: Peer, want: packets.Want, now: float) -> None:
        if want.epoch == self.keyring.epoch.id == self.ledger.state.epoch:
            self.say_to(peer, packets.Key(self.keyring.epoch.key))

    def _key(self, peer: Peer, key: packets.Key, now: float) -> None:
        try:
            self.rule.given(key.key)
        except Refusal:
            self.strangers += 1

    # Sending ------------------------------------------------------------------------------------------

    def shout(self, made: list[Envelope], told: tuple[Peer, ...] | None = None) -> None:
        """One's own envelopes, to everyone; or to those who were here before what they say took effect."""
        for each in made:
            self.outs.append(Out(None, self.keyring.to_room(Shout([each.raw])), told))

    def say_to(self, peer: Peer, said: packets.AnyPair) -> None:
        """To one member."""
        self.outs.append(Out(peer.keys.session, self.keyring.to_one(peer.keys.session, said)))

    def flush(self, now: float) -> None:
        """What has been posted, goes."""
        self.now = now
        self.shout(self.talk.take())
        self._show()

    def settle(self, now: float) -> None:
        """To be called after each batch of packets: acknowledges, asks, shows."""
        self.now = now
        self.chronicle.accept(self.replica.ready())
        for session in self.chronicle.arrived:
            peer = self.presence.peers.get(session)
            if peer is not None:
                log = self.replica.log(session, TALK)
                self.say_to(peer, packets.Have([Frontier(session, TALK, log.head, log.hash)]))
        self.chronicle.arrived.clear()
        self._send_pulls()
        self._show()

    def _send_pulls(self) -> None:
        pulls, self.replica.pulls = self.replica.pulls, []
        for source, pull in pulls:
            peer = self.presence.peers.get(source)
            if peer is not None:
                self.say_to(peer, pull)

    def _show(self) -> None:
        if self._held:
            return
        backlog, wall = bool(self._backlog), int(self.wall())
        if backlog and not self._backlog_done():
            self.talk.show_own(self.room_name, self.presence.fingerprint_of, wall)
            return
        self._backlog = {}
        self.talk.show(self.room_name, self.presence.fingerprint_of, wall, EVENTS_WAITING, backlog)

    def _backlog_done(self) -> bool:
        if self.now >= self._backlog_until:
            return True
        tracks = self.replica.tracks
        return all(
            (session, TALK) in tracks and (tracks[session, TALK].log.head >= head or tracks[session, TALK].stopped)
            for session, head in self._backlog.items()
        )

    def hold(self, on: bool) -> None:
        """Whether what is heard waits for the reader. The logs go on."""
        self._held = on
        if not on:
            self._show()

    # Admission ----------------------------------------------------------------------------------------

    def letter(self, mailbox: bytes, body: bytes, now: float) -> None:
        """A letter to our mailbox, from somebody who wants in, or is in and was not heard of."""
        self.now = now
        if packets.is_for_room(body):
            self.reunion.receive(body, now)
            return
        try:
            letter = admission.decode_letter(body)
        except Refusal:
            self.strangers += 1
            return
        self._count_miss(now)
        outcome = self.sponsor.letter(mailbox, letter, now, self.rule.full())
        if isinstance(outcome, Missed):
            self.chronicle.write(Miss(outcome.generation))
        elif isinstance(outcome, Knows):
            self._decide(outcome)

    def _count_miss(self, now: float) -> None:
        missed = self.sponsor.handle_timer(now)
        if missed is not None:
            self.chronicle.write(Miss(missed.generation))

    def _decide(self, knows: Knows) -> None:
        application = knows.application
        try:
            self.rule.may_enter(application)
            own = packets.decode_own(application.card.body)
        except Refusal as refusal:
            self.sponsor.deny(refusal)
            return
        self.chronicle.write(Admit(application.keys))
        if application.keys.session not in self.ledger.state.members:
            self.sponsor.deny(Refusal(Code.INVALID, "this session has been removed; start anew"))
            return
        self.sponsor.admit(*make_welcome(self, application.keys.session))
        peer = self.presence.peers.get(application.keys.session)
        if peer is not None and isinstance(own, Carded):
            self.gossip.read_card(application.card)
            # The others are to reach it without waiting for its own word.
            for other in self.presence.peers.values():
                if other is not peer and other.here:
                    self.say_to(other, packets.Cards([application.card]))

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float:
        """When `handle_timer` is to be called."""
        timers = [self.gossip.get_timer(), *self.whispering.get_timers(), *self.rule.get_timers()]
        some = (self.replica.get_timer(), self.sponsor.get_timer(), self.reunion.get_timer(), self.past.get_timer())
        timers += [due for due in some if due is not None]
        if self._backlog and not self._held:
            timers.append(self._backlog_until)
        return min(timers)

    def handle_timer(self, now: float) -> None:
        """Whatever is due."""
        self.now = now
        self.chronicle.accept(self.replica.handle_timer(now))
        self._count_miss(now)
        self.rule.handle_timer(now)
        self.whispering.handle_timer(now)
        self.gossip.handle_timer(now)
        self.reunion.handle_timer(now)
        self.past.handle_timer(now)
        self.settle(now)


def _hush(member: Member, peer: Peer, hush: packets.Hush, now: float) -> None:
    member.whispering.receive(peer, hush, now)


def _heard(member: Member, peer: Peer, heard: packets.Heard, now: float) -> None:
    member.whispering.arrived(peer, heard, now)


_PAIRS: dict[type, Callable[[Member, Peer, Any, float], None]] = {
    packets.Pull: Member._pull,
    packets.Page: Member._page,
    packets.Have: Member._have,
    packets.Cards: Member._cards,
    packets.Hush: _hush,
    packets.Heard: _heard,
    packets.Want: Member._want,
    packets.Key: Member._key,
}
