"""A member of a room between peers, as a pure machine: packets, letters and `now` in; packets, letters, commands and
events out.

It puts together the keyring, the replica of everybody's logs, the ledger that follows from their deeds, the others'
presence, the sponsor, and one's own talk. The engine carries its packets by whatever way there is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from sandpiper.common import deeds, envelope, knock, packets
from sandpiper.common.codes import RoomCode
from sandpiper.common.deeds import Admit, AnyDeed, Cheat, Keys, Miss
from sandpiper.common.envelope import DEEDS, TALK, Envelope
from sandpiper.common.errors import Code, Refusal, SandpiperError
from sandpiper.common.limits import (
    BACKLOG_S,
    BEACON_S,
    CARD_AGAIN_S,
    EVENTS_WAITING,
    GONE_S,
    WHISPER_S,
)
from sandpiper.common.messages import Notice, Whisper
from sandpiper.common.packets import Beacon, Bye, Card, Carded, Echo, Frontier, Shout, Signed
from sandpiper.common.sealing import short
from sandpiper.peer.events import Event, Warned
from sandpiper.peer.p2p.keyring import Keyring
from sandpiper.peer.p2p.ledger import Ledger
from sandpiper.peer.p2p.peers import Peer, State, Way
from sandpiper.peer.p2p.replica import Accepted, Replica
from sandpiper.peer.p2p.rule import Rule
from sandpiper.peer.p2p.sponsor import Knows, Missed, Sponsor
from sandpiper.peer.p2p.talk import Talk
from sandpiper.peer.p2p.welcome import make_welcome

_ROSTER_S = 10.0
_UNKNOWN_EPOCH_S = 1.0


@dataclass(frozen=True, slots=True)
class Out:
    """A packet to send: to one session, or to all."""

    to: bytes | None
    packet: bytes


@dataclass(frozen=True, slots=True)
class Came:
    """Others were told that this session is here, or is gone."""

    session: bytes
    here: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """A session is in the room, or its card has changed: connect to it."""

    session: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """A session is out of the room."""

    session: bytes


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """Topics, lease and tag follow from another key now. `cut`: accepted connections must be made anew."""

    cut: bool


@dataclass(frozen=True, slots=True)
class NewCard:
    """One's own card has changed, so the lease's should."""


Command: TypeAlias = Reach | Drop | Came | NewEpoch | NewCard


@dataclass
class Settings:
    """How this session behaves."""

    nick: str
    quiet: bool = False
    caps: list[str] = field(default_factory=lambda: ["msg", "me", "data", "whisper"])


class Member:
    """Made by entry.found_room or entry.enter_room. Take `outs`, `letters`, `commands`, `events` and `answers` after
    each call; `broken` says that it cannot go on.
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
        self.events: deque[Event] = deque()
        self.outs: list[Out] = []
        self.commands: list[Command] = []
        self.answers: list[tuple[str, Refusal | None]] = []
        self.broken: SandpiperError | None = None
        self.peers: dict[bytes, Peer] = {}
        self.card = Card(keyring.session, 1, settings.nick, quiet=settings.quiet, caps=settings.caps)
        self.talk = Talk(keyring, replica, run, self.events, now)
        self.rule = Rule(self, code, password, entropy)
        self.sponsor = Sponsor(keyring.room, code.nameplate, self.rule.form, entropy)
        self.now = now
        self.strangers = 0
        self._wall = wall
        self._shorts: dict[bytes, Peer] = {}
        self._curves: dict[bytes, Peer] = {}
        self._beacon_at = now
        self._card_at = now
        self._acks: set[bytes] = set()
        self._backlog: dict[bytes, int] = {}
        self._backlog_until = 0.0
        self._held = False
        self._whispers: dict[str, float] = {}
        self._whispered: dict[str, float] = {}
        self._asked_epoch_at = float("-inf")
        self._mismatch: dict[bytes, float] = {}
        self._deed_clock = 0
        replica.reach_by(self._reachable)

    # Others ------------------------------------------------------------------------------------------------

    @property
    def session(self) -> bytes:
        """One's own."""
        return self.keyring.session

    @property
    def room_name(self) -> str:
        """The code as a room's name."""
        return str(self.rule.code)

    def meet(self, keys: Keys) -> None:
        """Somebody is in the room. To be called when the ledger says so."""
        if keys.session in self.peers or keys.session == self.session:
            return
        try:
            self.keyring.meet(keys)
        except Refusal:
            return  # no such box key: a member that nobody can talk to
        peer = Peer(keys, self.now)
        self.peers[keys.session] = self._shorts[peer.short] = self._curves[keys.curve] = peer
        self.replica.open(keys.session)
        self.commands.append(Reach(keys.session))
        self._card_at = min(self._card_at, self.now)
        self._beacon_at = min(self._beacon_at, self.now)

    def part(self, session: bytes) -> None:
        """Somebody has been removed."""
        peer = self.peers.pop(session, None)
        if peer is None:
            return
        self._leaves(peer, "was removed")
        self._shorts.pop(peer.short, None)
        self._curves.pop(peer.keys.curve, None)
        self.keyring.part(session)
        self.replica.forget(session)
        self.commands.append(Drop(session))

    def admits(self, curve: bytes) -> bool:
        """The mesh's judge: whether a CURVE key belongs to a member."""
        return curve in self._curves

    def peer_of(self, curve: bytes) -> Peer | None:
        """Whose mesh key that is."""
        return self._curves.get(curve)

    def nick_of(self, session: bytes) -> str:
        """What a session is called."""
        if session == self.session:
            return self.settings.nick
        peer = self.peers.get(session)
        return peer.nick if peer is not None else short(session).hex()[:8]

    def fingerprint_of(self, session: bytes) -> str:
        """The person's, behind a session."""
        if session == self.session:
            return self.keyring.fingerprint
        keys = self.ledger.known.get(session)
        if keys is None:
            return ""
        from sandpiper.common.keys import fingerprint

        return fingerprint(keys.identity)

    def expect(self, present: set[bytes], heads: Iterable[knock.Head], now: float, backlog: int | None) -> None:
        """Who is here, as the sponsor says, and the history to wait for before anything is shown."""
        for session, peer in self.peers.items():
            if session not in present:
                peer.state = State.GONE
        stands = [Frontier(head.session, head.stream, head.head, b"") for head in heads]
        for stand in stands:
            for source in present:
                self.replica.claims(source, [stand], now)
        self.talk.backlog_most = backlog
        if backlog == 0:
            self.replica.start_at_heads()
            return
        self._backlog = {head.session: head.head for head in heads if head.head >= head.start}
        self._backlog_until = now + BACKLOG_S
        self.replica.hurry(now)

    def epoch_taken(self, *, cut: bool) -> None:
        """The keyring has another epoch."""
        self.commands.append(NewEpoch(cut))
        self._beacon_at = self._card_at = self.now

    def _reachable(self, session: bytes) -> bool:
        peer = self.peers.get(session)
        return peer is not None and (peer.here or peer.state is State.EXPECTED)

    # Packets -----------------------------------------------------------------------------------------------

    def receive(self, packet: bytes, way: Way, now: float, curve: bytes | None = None) -> None:
        """One packet; `curve` is whose connection it came by, where that is known. Then `settle` is to be called."""
        self.now = now
        source = self._curves.get(curve) if curve is not None else None
        if source is not None:
            source.heard[Way.MESH] = now
        try:
            session, said = self.keyring.open(packet)
        except Refusal as refusal:
            self.strangers += 1
            if refusal.code is Code.NOT_HERE and source is not None:
                self._ask_for_epoch(source, now)
            return
        if session is not None:
            peer = self.peers.get(session)
            if peer is not None:
                if peer.state is not State.LEFT:  # only a newer word of its own brings it back
                    self._heard(peer, way, now)
                _PAIRS[type(said)](self, peer, said, now)
        elif isinstance(said, Shout):
            self._accept_all(self.replica.take(said.envelopes, now))
        elif isinstance(said, Signed):
            self._own(said, way, now)

    def _own(self, signed: Signed, way: Way, now: float) -> None:
        peer = self.peers.get(signed.session)
        if peer is None:
            self.strangers += signed.session != self.session
            return
        try:
            own = self.keyring.read(signed)
        except Refusal:
            self.strangers += 1
            return
        if own.n <= peer.said:
            return
        peer.said = own.n
        self._heard(peer, way, now)
        _OWNS[type(own)](self, peer, own, signed, now)

    def _ask_for_epoch(self, source: Peer, now: float) -> None:
        """It speaks by a key that we do not know: its owners' deeds will tell."""
        if now - self._asked_epoch_at < _UNKNOWN_EPOCH_S:
            return
        self._asked_epoch_at = now
        for session in self.ledger.state.members:
            self.replica.ask_on((session, DEEDS), source.keys.session)

    def _heard(self, peer: Peer, way: Way, now: float) -> None:
        peer.heard[way] = now
        if peer.state is State.PRESENT:
            return
        was, peer.state = peer.state, State.PRESENT
        if was is State.EXPECTED:
            self._beacon_at = now  # it is to know at once that we hear it
        if peer.announced and was is State.GONE:
            self._tell(peer, "join", "is back")
        self._announce(peer)

    def _announce(self, peer: Peer) -> None:
        """Tells that somebody is here, once that and its name are known."""
        if peer.announced or peer.quiet or not peer.here:
            return
        peer.announced = True
        self._tell(peer, "join", "joined")
        same = [
            other
            for other in self.peers.values()
            if other.here and other.nick == peer.nick and other.fingerprint != peer.fingerprint
        ]
        if same or (peer.nick == self.settings.nick and peer.fingerprint != self.keyring.fingerprint):
            text = f"two persons are called {peer.nick}; the new one has the key {peer.fingerprint}: /verify tells more"
            self.events.append(Warned("key", text))

    def _leaves(self, peer: Peer, how: str) -> None:
        was, peer.state = peer.state, State.LEFT
        if peer.announced and was is not State.GONE:
            self._tell(peer, "leave", how)
        peer.announced = False

    def _tell(self, peer: Peer, event: str, how: str) -> None:
        notice = Notice(
            f"{peer.nick} {how}", int(self._wall()), self.room_name, event, peer.nick, from_=peer.fingerprint
        )
        self.events.append(notice)
        self.commands.append(Came(peer.keys.session, event == "join"))

    # What members say of themselves ------------------------------------------------------------------------

    def _beacon(self, peer: Peer, beacon: Beacon, signed: Signed, now: float) -> None:
        peer.beacon_at, peer.beacon_heard = beacon.at, now
        me = self.keyring.short
        for echo in beacon.echoes:
            if echo.peer == me:
                if echo.direct:
                    peer.hears_us_at = now
                rtt = now - echo.at - echo.held
                if 0 <= rtt < GONE_S:
                    peer.rtt_s = rtt if peer.rtt_s is None else min(rtt, 0.8 * peer.rtt_s + 0.2 * rtt)
            elif echo.held < BEACON_S * 2:
                self._hearsay(echo, now)
        self._stands(peer, beacon.frontiers, now)
        self.replica.claims(peer.keys.session, beacon.frontiers, now)
        self._compare(peer, beacon, now)

    def _hearsay(self, echo: Echo, now: float) -> None:
        other = self._shorts.get(echo.peer)
        if other is not None and other.state is not State.LEFT and now - other.heard_at > BEACON_S:
            self._heard(other, Way.HEARSAY, now - echo.held if echo.held > 0 else now)

    def _compare(self, peer: Peer, beacon: Beacon, now: float) -> None:
        """Whoever knows of other members for long has been shown another room, or is cut off from somebody."""
        peer.roster = beacon.roster
        if beacon.roster == self.ledger.roster() or beacon.epoch != self.keyring.epoch.id:
            self._mismatch.pop(peer.keys.session, None)
            return
        since = self._mismatch.setdefault(peer.keys.session, now)
        if now - since > _ROSTER_S and since > 0:
            self._mismatch[peer.keys.session] = float("-inf")
            text = f"{peer.nick} knows of other members than you do: /verify, if that does not pass"
            self.events.append(Warned("roster", text))

    def _stands(self, peer: Peer, stands: Iterable[Frontier], now: float) -> None:
        """Where one's own logs stand at a member."""
        for stand in stands:
            if stand.session == self.session and stand.stream == TALK and peer.here:
                self.talk.acked(stand.seq, stand.hash, now)

    def _carded(self, peer: Peer, carded: Carded, signed: Signed, now: float) -> None:
        self.take_card(peer, carded.card, signed)

    def take_card(self, peer: Peer, card: Card, signed: Signed) -> None:
        """A member's card, verified to be its own."""
        from sandpiper.common.nicks import nick as valid_nick

        if card.session != peer.keys.session or (peer.card is not None and card.version <= peer.card.version):
            return
        try:
            valid_nick(card.nick)
        except Refusal:
            card = msgspec.structs.replace(card, nick=peer.fingerprint[:8])
        was, peer.card, peer.carded = peer.card, card, signed
        if was is None or (was.hosts, was.pub, was.sub) != (card.hosts, card.pub, card.sub):
            self.commands.append(Reach(card.session))
        if was is not None and was.nick != card.nick and peer.announced:
            text = f"{was.nick} is now {card.nick}"
            self.events.append(
                Notice(text, int(self._wall()), self.room_name, "nick", card.nick, was.nick, peer.fingerprint)
            )
        self._announce(peer)

    def read_card(self, signed: Signed) -> None:
        """A card that came by another way: from a lease, or from another member."""
        peer = self.peers.get(signed.session)
        if peer is None:
            return
        try:
            own = self.keyring.read(signed)
        except Refusal:
            self.strangers += 1
            return
        if isinstance(own, Carded):
            self.take_card(peer, own.card, signed)

    def lease_card(self, blob: bytes) -> None:
        """A card as it lies at the discovery service."""
        for epoch in list(self.keyring.epochs.values()):
            try:
                self.read_card(packets.open_card(epoch, blob))
            except Refusal:
                continue
            return
        self.strangers += 1

    def _bye(self, peer: Peer, bye: Bye, signed: Signed, now: float) -> None:
        stands = [Frontier(signed.session, TALK, bye.talk, b""), Frontier(signed.session, DEEDS, bye.deeds, b"")]
        for stand in stands:
            track = self.replica.tracks.get((stand.session, stand.stream))
            if track is not None and stand.seq > track.log.head:
                self.replica.claims(signed.session, [stand], now)
        self._leaves(peer, "left")
        self.replica.forget(signed.session)

    # What one member says to us ----------------------------------------------------------------------------

    def _pull(self, peer: Peer, pull: packets.Pull, now: float) -> None:
        floor = self.rule.floor(peer.keys.session, pull.session, pull.stream)
        self.say_to(peer, self.replica.answer(pull, floor))

    def _page(self, peer: Peer, page: packets.Page, now: float) -> None:
        self._accept_all(self.replica.page(peer.keys.session, page, now))

    def _have(self, peer: Peer, have: packets.Have, now: float) -> None:
        self._stands(peer, have.frontiers, now)

    def _cards(self, peer: Peer, cards: packets.Cards, now: float) -> None:
        for signed in cards.cards:
            self.read_card(signed)

    def _hush(self, peer: Peer, hush: packets.Hush, now: float) -> None:
        self.say_to(peer, packets.Heard(hush.id))
        key = f"{peer.fingerprint}/{hush.id}"
        if key in self._whispered or peer.state is State.LEFT:
            return
        self._whispered = {name: at for name, at in self._whispered.items() if now - at < WHISPER_S * 4}
        self._whispered[key] = now
        whisper = Whisper(peer.nick, hush.to, hush.text, hush.ts, self.room_name, hush.id, peer.fingerprint, True)
        self.events.append(whisper)

    def _whisper_heard(self, peer: Peer, heard: packets.Heard, now: float) -> None:
        if self._whispers.pop(heard.id, None) is not None:
            self.answers.append((heard.id, None))

    # Logs --------------------------------------------------------------------------------------------------

    def _accept_all(self, accepted: Iterable[Accepted]) -> None:
        for each in accepted:
            found = each.envelope
            if found is None:
                self._lose(each)
                continue
            self._acks.add(each.session)
            if found.stream == TALK:
                self.talk.heard(found)
            else:
                self._learn(found)
        for one, other in self.replica.proofs:
            self._expose(one, other)
        self.replica.proofs.clear()

    def _lose(self, lost: Accepted) -> None:
        from sandpiper.common.messages import Lost

        if lost.stream == TALK:
            self.events.append(Lost(self.room_name, self.fingerprint_of(lost.session), lost.lost))

    def _learn(self, found: Envelope) -> None:
        try:
            learnt = deeds.decode(found.body)
        except Refusal:
            self.strangers += 1
            return
        for index, deed in enumerate(learnt[: found.count]):
            self._hear_deed(found.session, found.first + index, deed)

    def _hear_deed(self, writer: bytes, seq: int, deed: AnyDeed) -> None:
        if isinstance(deed, Cheat):
            self._check_cheat(deed)
        elif not isinstance(deed, Admit) or deed.keys.holds(self.keyring.room):
            self.ledger.add(writer, seq, deed)
            self.rule.learnt(writer, deed)

    def _check_cheat(self, deed: Cheat) -> None:
        try:
            one, other = envelope.parse(deed.one), envelope.parse(deed.other)
        except Refusal:
            return
        if envelope.genuine(one) and envelope.genuine(other) and envelope.conflict(one, other):
            self._expose(one, other)

    def _expose(self, one: Envelope, other: Envelope) -> None:
        """Two signed histories: whoever signed them is followed no further, and everyone is told."""
        track = self.replica.tracks.get((one.session, one.stream))
        if one.session == self.session or track is None:
            return
        self.replica.stop(one.session)
        if one.session in self.rule.cheats:
            return
        self.rule.cheats.add(one.session)
        self.write(Cheat(one.raw, other.raw))
        text = f"{self.nick_of(one.session)} has signed two different histories: its messages are shown no more"
        self.events.append(Warned("cheat", text))

    def write(self, deed: AnyDeed) -> None:
        """A deed of one's own: into the log, to the others, and into effect."""
        log = self.replica.log(self.session, DEEDS)
        self._deed_clock += 1
        made = envelope.sign(
            self.keyring.keys.signing,
            self.session,
            self.keyring.room,
            self.run,
            DEEDS,
            log.head + 1,
            1,
            self._deed_clock,
            log.hash,
            deeds.encode_all([deed]),
        )
        self.replica.write(made)
        self.shout([made])
        if not isinstance(deed, Cheat):
            self.ledger.add(self.session, made.first, deed)
            self.rule.learnt(self.session, deed)

    # Sending -----------------------------------------------------------------------------------------------

    def shout(self, made: list[Envelope]) -> None:
        """One's own envelopes, to everyone."""
        for each in made:
            self.outs.append(Out(None, self.keyring.to_room(Shout([each.raw]))))

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
        for session in self._acks:
            peer = self.peers.get(session)
            if peer is not None and peer.state is not State.LEFT:
                log = self.replica.log(session, TALK)
                self.say_to(peer, packets.Have([Frontier(session, TALK, log.head, log.hash)]))
        self._acks.clear()
        self._send_pulls()
        self._show()

    def _send_pulls(self) -> None:
        pulls, self.replica.pulls = self.replica.pulls, []
        for source, pull in pulls:
            peer = self.peers.get(source)
            if peer is not None:
                self.say_to(peer, pull)

    def _show(self) -> None:
        if self._held:
            return
        backlog = bool(self._backlog)
        if backlog and not self._backlog_done():
            return
        self._backlog = {}
        self.talk.show(self.room_name, self.fingerprint_of, int(self._wall()), EVENTS_WAITING, backlog)

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

    def whisper(self, to: str, text: str, name: str, now: float) -> None:
        """A line for the sessions called `to`; `answers` tells. Raises Refusal: NOT_HERE."""
        from sandpiper.common.nicks import fold

        found = [peer for peer in self.peers.values() if peer.here and fold(peer.nick) == fold(to)]
        if not found:
            raise Refusal(Code.NOT_HERE, f"{to} is not here")
        self._whispers[name] = now + WHISPER_S
        for peer in found:
            self.say_to(peer, packets.Hush(name, self.settings.nick, to, text, int(self._wall())))

    def set_card(self, **changes: Any) -> None:
        """One's own card changes."""
        self.card = msgspec.structs.replace(self.card, version=self.card.version + 1, **changes)
        self._card_at = self.now
        self.commands.append(NewCard())

    def rename(self, nick: str) -> None:
        """Another nick of one's own. Raises Refusal."""
        from sandpiper.common.nicks import nick as valid_nick

        was, self.settings.nick = self.settings.nick, valid_nick(nick)
        self.set_card(nick=nick)
        text = f"{was} is now {nick}"
        self.events.append(Notice(text, int(self._wall()), self.room_name, "nick", nick, was, self.keyring.fingerprint))

    def hurry_beacon(self, now: float) -> None:
        """Somebody has begun to hear us, and should not wait for the next one."""
        self._beacon_at = min(self._beacon_at, now)
        self._card_at = min(self._card_at, now)

    def signed_card(self) -> Signed:
        """One's own card, for a lease or an application."""
        return self.keyring.signed(Carded(self.keyring.next_n(), self.card))

    def bye(self, now: float) -> None:
        """Says goodbye."""
        self.now = now
        talk, deeds_log = self.replica.log(self.session, TALK), self.replica.log(self.session, DEEDS)
        own = Bye(self.keyring.next_n(), talk.head, deeds_log.head)
        self.outs.append(Out(None, self.keyring.to_room(self.keyring.signed(own))))

    # Admission ---------------------------------------------------------------------------------------------

    def letter(self, mailbox: bytes, body: bytes, now: float) -> None:
        """A letter to our mailbox, from somebody who wants in."""
        self.now = now
        try:
            letter = knock.decode_letter(body)
        except Refusal:
            self.strangers += 1
            return
        outcome = self.sponsor.letter(mailbox, letter, now, self.rule.full())
        if isinstance(outcome, Missed):
            self.write(Miss(outcome.generation))
        elif isinstance(outcome, Knows):
            self._decide(outcome)

    def _decide(self, knows: Knows) -> None:
        application = knows.application
        try:
            self.rule.may_enter(application.keys)
            own = packets.decode_own(application.card.body)
        except Refusal as refusal:
            self.sponsor.deny(refusal)
            return
        self.write(Admit(application.keys))
        self.sponsor.admit(make_welcome(self, application.keys.session))
        peer = self.peers.get(application.keys.session)
        if peer is not None and isinstance(own, Carded):
            self.read_card(application.card)
            # The others are to reach it without waiting for its own word.
            for other in self.peers.values():
                if other is not peer and other.here:
                    self.say_to(other, packets.Cards([application.card]))

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float:
        """When `handle_timer` is to be called."""
        timers = [self._beacon_at, self._card_at, *self._whispers.values()]
        timers += [due for due in (self.replica.get_timer(), self.sponsor.get_timer()) if due is not None]
        if self._backlog:
            timers.append(self._backlog_until)
        return min(timers)

    def handle_timer(self, now: float) -> None:
        """Whatever is due."""
        self.now = now
        self._accept_all(self.replica.handle_timer(now))
        missed = self.sponsor.handle_timer(now)
        if missed is not None:
            self.write(Miss(missed.generation))
        for name in [name for name, until in self._whispers.items() if now >= until]:
            del self._whispers[name]
            self.answers.append((name, Refusal(Code.NOT_HERE, "the whisper was not confirmed; try again")))
        if now >= self._card_at:
            self._card_at = now + CARD_AGAIN_S
            self.outs.append(Out(None, self.keyring.to_room(self.signed_card())))
        if now >= self._beacon_at:
            self._beacon_at = now + BEACON_S
            self._age(now)
            self.outs.append(Out(None, self.keyring.to_room(self.keyring.signed(self._make_beacon(now)))))
        self.settle(now)

    def _age(self, now: float) -> None:
        for peer in list(self.peers.values()):
            state = peer.next_state(now)
            if state is peer.state:
                continue
            was, peer.state = peer.state, state
            if state is State.GONE:
                self.replica.forget(peer.keys.session)
                if peer.announced and was is not State.GONE:
                    self._tell(peer, "leave", "is gone: no sign of life")

    def _make_beacon(self, now: float) -> Beacon:
        echoes = [
            Echo(peer.short, peer.beacon_at, now - peer.beacon_heard, peer.hears(now))
            for peer in self.peers.values()
            if now - peer.beacon_heard < GONE_S
        ]
        return Beacon(
            self.keyring.next_n(),
            now,
            self.keyring.epoch.id,
            self.ledger.roster(),
            self.replica.stands(now),
            echoes,
            self.card.version,
        )

    @property
    def alone(self) -> bool:
        """Whether nobody else is here, nor expected."""
        return not any(peer.here or peer.state is State.EXPECTED for peer in self.peers.values())


_OWNS: dict[type, Callable[[Member, Peer, Any, Signed, float], None]] = {
    Beacon: Member._beacon,
    Carded: Member._carded,
    Bye: Member._bye,
}
_PAIRS: dict[type, Callable[[Member, Peer, Any, float], None]] = {
    packets.Pull: Member._pull,
    packets.Page: Member._page,
    packets.Have: Member._have,
    packets.Cards: Member._cards,
    packets.Hush: Member._hush,
    packets.Heard: Member._whisper_heard,
}
