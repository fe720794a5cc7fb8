"""A member of a room between peers, as a pure machine: packets, letters and `now` in; packets, letters, commands and
events out.

It puts together the keyring, the replica of everybody's talk, the roster that follows from all deeds, the others'
presence, the sponsor, and one's own messages, each of which knows only what it is handed here. The engine carries its
packets by whatever way there is.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from nacl.signing import SigningKey

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import Refusal, SandpiperError
from sandpiper.common.messages import Draft
from sandpiper.common.p2p import admission, packets
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Card, Frontier, Shout
from sandpiper.common.p2p.sealing import NONCE_BYTES
from sandpiper.peer.events import Event
from sandpiper.peer.p2p.admission.current_code import CurrentCode
from sandpiper.peer.p2p.admission.gatekeeper import Gatekeeper
from sandpiper.peer.p2p.admission.guess_reports import GuessReports
from sandpiper.peer.p2p.admission.guesses import CodeGuesses
from sandpiper.peer.p2p.membership.deed_gossip import DeedGossip
from sandpiper.peer.p2p.membership.governance import Governance
from sandpiper.peer.p2p.membership.rekeying import Rekeying
from sandpiper.peer.p2p.membership.removals import Removals
from sandpiper.peer.p2p.membership.reunion import Reunion
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.packet_receiver import PacketReceiver
from sandpiper.peer.p2p.presence.cards import CardBook
from sandpiper.peer.p2p.presence.gossip import Gossip
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.presence.persons import Persons
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.presence.verification import Verifier
from sandpiper.peer.p2p.presence.whispers import PeerWhispers
from sandpiper.peer.p2p.replication.display import Display
from sandpiper.peer.p2p.replication.message_log import MessageLog
from sandpiper.peer.p2p.replication.past import Past
from sandpiper.peer.p2p.replication.replica import Replica
from sandpiper.peer.p2p.replication.talk_intake import TalkIntake
from sandpiper.peer.p2p.state.context import Context
from sandpiper.peer.p2p.state.keyring import Keyring
from sandpiper.peer.p2p.state.outputs import OutgoingPacket, Outputs
from sandpiper.peer.p2p.state.peer import Peer, Way
from sandpiper.peer.p2p.status import MemberStatus


class Member:
    """A member of a room, with all its parts. Made by bootstrap.found_room or bootstrap.enter_room.

    What it wants done is to be taken with `take` after each call; `broken` says that it cannot go on. Its parts are
    public for tests; the engine uses the methods and `status`.
    """

    def __init__(
        self, context: Context, roster: Roster, replica: Replica, guesses: CodeGuesses, password: str | None
    ) -> None:
        self.context = context
        self.keyring: Keyring = context.keyring
        self.roster = roster
        self.replica = replica
        self.guesses = guesses
        presence = self.presence = Presence(
            context,
            roster,
            replica,
            greet=lambda peer, now: self.gossip.greet(peer, now),
            hurry=lambda now: self.gossip.send_beacon_soon(now),
            retired=self._retired,
        )
        names = self.names = Names(context, roster, presence.peers, presence.away, presence.bearers)
        self.persons = Persons(context, roster, presence.peers, names)
        self.verifier = Verifier(context, self.persons, presence.bearers)
        self.message_log = MessageLog(context.keyring, replica, context.run, context.events, context.now)
        self.display = Display(context, replica, names, presence.bearers)
        self.talk = TalkIntake(context, replica, self.display, names)
        self.cards = CardBook(context, presence)
        self.whispers = PeerWhispers(context, presence.peers, self.persons, names)
        self.reunion = Reunion(context, roster, presence)
        self.past = Past(context, roster, replica, self.display, presence)
        self.status = MemberStatus(context, roster, replica, self.message_log, presence)
        self._make_membership(password)
        replica.fetcher.reach_by(presence.reachable, presence.ended, presence.met)

    def _make_membership(self, password: str | None) -> None:
        """Makes the parts that carry out deeds and let others in, and those that hear of them."""
        context, roster, replica, presence = self.context, self.roster, self.replica, self.presence
        names, guesses = self.names, self.guesses
        self.deeds = DeedGossip(context, roster, presence, lambda fresh: self.governance.learnt(fresh))
        write = self.deeds.write
        code = self.code = CurrentCode(context, roster, guesses, password)
        reports = self.reports = GuessReports(context, guesses, code, presence, names)
        self.gossip = Gossip(
            context, roster, replica, self.message_log, presence, self.cards, self.deeds, guesses, reports
        )
        self.rekeying = Rekeying(context, roster, replica, presence, names, write, self.gossip.send_soon)
        self.removals = Removals(context, roster, names, self.persons, self.rekeying, self.deeds)
        self.governance = Governance(
            context, roster, replica, presence, names, self.rekeying, code, self.removals.weigh
        )
        self.gatekeeper = Gatekeeper(
            context, roster, replica, presence, self.cards, self.governance, code.state, guesses, write, reports.miss
        )
        self._receiver = PacketReceiver(
            context,
            replica,
            presence,
            self.cards,
            self.gossip,
            self.talk,
            self.deeds,
            self.rekeying,
            self.governance,
            reports,
            self.whispers,
            self.past,
            self.verifier,
        )

    def _retired(self, session: bytes) -> None:
        """Lets go of what is kept for a session that is here: it has gone away."""
        self.whispers.forget(session)
        self.names.remember(session)
        self.deeds.forget(session)

    @property
    def peers(self) -> dict[bytes, Peer]:
        """The members that are here, or may be."""
        return self.presence.peers

    @property
    def broken(self) -> SandpiperError | None:
        """Why the member cannot go on, if so."""
        return self.context.broken

    def take(self) -> Outputs:
        """Hands over what the member wants done."""
        context = self.context
        commands, context.commands = context.commands, []
        sent, context.packets = context.packets, []
        letters, self.reunion.letters = self.reunion.letters, []
        answers, context.answers = context.answers, []
        return Outputs(commands, sent, letters, answers)

    def tell(self) -> list[Event]:
        """Hands over what the user is to be told."""
        for envelope in self.message_log.unshown:
            self.display.heard(envelope)
        self.message_log.unshown.clear()
        self.display.show()
        events = list(self.context.events)
        self.context.events.clear()
        return events

    # Packets and letters -----------------------------------------------------------------------------------

    def receive(self, packet: bytes, way: Way, now: float, curve: bytes | None = None) -> bool:
        """Takes one packet; `curve` is whose connection it came by, where that is known. Then call `settle`.

        Returns whether all is calm; see PacketReceiver.
        """
        self.context.now = now
        return self._receiver.receive(packet, way, now, curve)

    def show_life(self, now: float) -> bool:
        """Sends a beacon that is late, between two packets of many; whether there is something to take.

        Nothing else that is due is done: what has come already may make it needless, as the others' beacons do.
        """
        self.context.now = now
        return self.gossip.show_life(now)

    def settle(self, now: float) -> None:
        """Acknowledges and asks what there is to: to be called after each batch of packets."""
        context, replica = self.context, self.replica
        context.now = now
        self.talk.accept(replica.ready())
        for session in self.talk.arrived:
            peer = self.peers.get(session)
            if peer is not None:
                log = replica.log(session, TALK)
                context.send_to(peer, packets.Have([Frontier(session, TALK, log.head, log.hash)]))
        self.talk.arrived.clear()
        pulls, replica.fetcher.pulls = replica.fetcher.pulls, []
        for source, pull in pulls:
            peer = self.peers.get(source)
            if peer is not None:
                context.send_to(peer, pull)

    def letter(self, mailbox: bytes, body: bytes, now: float, service: Hashable = None) -> list[tuple[bytes, bytes]]:
        """Takes a letter from our mailbox, of a joiner or of a member that we do not know; returns the answers."""
        self.context.now = now
        if not packets.is_for_room(body):
            return self.gatekeeper.receive(service, mailbox, body, now)
        try:
            _, said = self.keyring.open(body)
        except Refusal:
            return []
        if isinstance(said, Shout):
            self.deeds.take(said.deeds, None, now)
            self.settle(now)
        return []

    def heard_by(self, session: bytes | None, now: float) -> None:
        """Tells a member that has begun to hear us what it should not wait for; None: somebody, who is not known."""
        if session is None:
            self.gossip.send_soon(now)
            return
        peer = self.peers.get(session)
        if peer is not None:
            self.gossip.greet(peer, now, card=True)
        self.replica.fetcher.ask_again(session, now)
        self.past.ask_again(session, now)
        self.settle(now)

    # Entering, and discovery services ----------------------------------------------------------------------

    def enter(self, welcome: admission.Welcome, backlog: int | None) -> None:
        """Takes over what the sponsor knows: who is here, and how far the logs go. Shows `backlog` of them."""
        now, present = self.context.now, set(welcome.present)
        self.deeds.trust(welcome.sponsor)
        self.governance.sync(present.union(card.session for card in welcome.cards))
        for signed in welcome.cards:
            self.cards.read(signed)
        for head in welcome.heads:
            for source in present:
                self.replica.fetcher.claims(source, [Frontier(head.session, head.stream, head.head, b"")], now)
        self.past.entered(welcome.heads)
        self.display.expect(welcome.heads, now, backlog)

    def report_guesses(self, count: int) -> None:
        """Tells person and room that, at this member's joining, so many answered who did not know the code."""
        if count:
            self.context.warn(
                "guess",
                f"somebody at this nameplate answered {count} of your tries to join without knowing the code: "
                "it is no member, and may be guessing; the room counts it as wrong guesses",
            )
            self.gatekeeper.report_guesses(count)

    def settle_at(self, nameplate: int) -> None:
        """Takes the nameplate that the founder's room has got."""
        self.context.code = RoomCode(self.context.code.words, nameplate)

    @property
    def card(self) -> Card:
        """The member's own card."""
        return self.cards.own

    def change_card(self, **changes: Any) -> None:
        """Changes the member's own card."""
        self.cards.change(**changes)

    def lease(self) -> tuple[SigningKey, bytes]:
        """The parts of a lease: the key that proves to a discovery service that we are members, and our sealed card."""
        epoch = self.keyring.epoch
        return epoch.registration, packets.seal_card(epoch, self.context.entropy(NONCE_BYTES), self.cards.sign())

    def read_leases(self, service: Hashable, blobs: Mapping[bytes, bytes], now: float) -> set[bytes]:
        """Takes all cards that lie at a discovery service now, by mailbox; returns whose they are."""
        sessions = {mailbox: self.cards.read_lease(blob) for mailbox, blob in blobs.items()}
        self.reunion.leased(service, sessions, now)
        self.gatekeeper.doorkeepers.leased(service, sessions)
        return set(sessions.values())

    def take_leased(self, sessions: set[bytes]) -> None:
        """Takes which sessions are there, as discovery services say now."""
        self.presence.lease(sessions)

    # What the user does ------------------------------------------------------------------------------------

    def post(self, draft: Draft, nick: str | None, now: float) -> str:
        """Queues a message; its id. A tool beside the member posts under a `nick` of its own. Raises Refusal."""
        context, tool = self.context, nick is not None
        return self.message_log.post(draft, nick or context.settings.nick, int(context.wall()), now, tool=tool)

    def flush(self, now: float) -> None:
        """Sends what has been posted. It is shown to the user when it has left: see `tell`."""
        context = self.context
        context.now = now
        for made in self.message_log.take():
            context.packets.append(OutgoingPacket(None, self.keyring.to_room(Shout([made.raw]))))

    def leave(self) -> None:
        """Says goodbye."""
        self.gossip.say_goodbye()

    def whisper(self, to: str, text: str, name: str, now: float) -> None:
        """PeerWhispers to a person; how it ends is among the outputs, under `name`. Raises Refusal."""
        self.whispers.send(to, text, name, now)

    def pause(self, on: bool) -> None:
        """Lets what is heard wait for the reader, or no more. The logs go on."""
        self.display.pause(on)

    def rename(self, nick: str) -> None:
        """Changes the member's nick. Raises Refusal."""
        self.cards.rename(nick)

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float:
        """When `handle_timer` is to be called."""
        timers = [self.gossip.get_timer(), *self.whispers.get_timers(), *self.rekeying.get_timers()]
        some = (
            self.replica.fetcher, self.gatekeeper, self.reunion, self.past, self.display, self.verifier, self.deeds
        )  # fmt: skip
        return min(timers + [due for each in some if (due := each.get_timer()) is not None])

    def handle_timer(self, now: float) -> None:
        """Does what is due."""
        self.context.now = now
        self.talk.accept(self.replica.handle_timer(now))
        self.gatekeeper.handle_timer(now)
        self.deeds.handle_timer(now)
        self.removals.carry_out()
        self.rekeying.handle_timer(now)
        self.keyring.forget_old(now)
        self.whispers.handle_timer(now)
        self.gossip.handle_timer(now)
        self.reunion.handle_timer(now)
        self.past.handle_timer(now)
        self.verifier.handle_timer(now)
        self.settle(now)
