"""A member of a room between peers, as a pure machine: packets, letters and `now` in; packets, letters, commands and
events out.

It puts together the keyring, the replica of everybody's logs, the ledger that follows from their deeds, the others'
presence, the sponsor, and one's own messages, each of which knows only what it is handed here. The engine carries its
packets by whatever way there is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from nacl.signing import SigningKey

from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import Refusal, SandpiperError
from sandpiper.common.messages import Draft
from sandpiper.common.p2p import admission, packets
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.membership import Cheat
from sandpiper.common.p2p.packets import Card, Frontier, Shout
from sandpiper.common.p2p.sealing import NONCE_BYTES
from sandpiper.peer.events import Event
from sandpiper.peer.p2p.admission.gatekeeper import Gatekeeper
from sandpiper.peer.p2p.membership.deed_log import DeedLog
from sandpiper.peer.p2p.membership.governance import Governance
from sandpiper.peer.p2p.membership.rekeying import Rekeying
from sandpiper.peer.p2p.membership.reunion import Reunion
from sandpiper.peer.p2p.packet_receiver import PacketReceiver
from sandpiper.peer.p2p.presence.cards import CardBook
from sandpiper.peer.p2p.presence.gossip import Gossip
from sandpiper.peer.p2p.presence.names import Names
from sandpiper.peer.p2p.presence.persons import Persons
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.presence.verification import Verifier
from sandpiper.peer.p2p.presence.whispers import PeerWhispers
from sandpiper.peer.p2p.replication.display import Display
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.replication.message_log import MessageLog
from sandpiper.peer.p2p.replication.past import Past
from sandpiper.peer.p2p.replication.replica import Replica
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

    def __init__(self, context: Context, ledger: Ledger, replica: Replica, password: str | None) -> None:
        self.context = context
        self.keyring: Keyring = context.keyring
        self.ledger = ledger
        self.replica = replica
        presence = self.presence = Presence(
            context,
            ledger,
            replica,
            greet=lambda peer, now: self.gossip.greet(peer, now),
            hurry=lambda now: self.gossip.send_beacon_soon(now),
            retired=lambda session: self.whispers.forget(session),
        )
        names = self.names = Names(context, ledger, presence.peers, presence.away, presence.bearers)
        persons = Persons(context, ledger, presence.peers, names)
        self.verifier = Verifier(context, persons, presence.bearers)
        self.message_log = MessageLog(context.keyring, replica, context.run, context.events, context.now)
        self.display = Display(context, replica, names, presence.bearers)
        self.cards = CardBook(context, presence)
        self.gossip = Gossip(context, ledger, replica, self.message_log, presence, self.cards)
        self.whispers = PeerWhispers(context, presence.peers, persons, names)
        self.reunion = Reunion(context, ledger, replica, presence)
        self.deed_log = DeedLog(
            context, ledger, replica, self.display, presence, names, lambda of, deed: self.governance.learnt(of, deed)
        )
        write = self.deed_log.write
        self.rekeying = Rekeying(context, ledger, replica, presence, write, self.gossip.send_soon)
        self.governance = Governance(context, ledger, replica, presence, names, persons, self.rekeying, write, password)
        self.gatekeeper = Gatekeeper(context, ledger, replica, presence, self.cards, self.governance, write)
        self.past = Past(context, ledger, replica, self.display, presence)
        self.status = MemberStatus(context, ledger, replica, self.message_log, presence)
        self._receiver = PacketReceiver(
            context,
            ledger,
            replica,
            presence,
            self.cards,
            self.gossip,
            self.deed_log,
            self.governance,
            self.whispers,
            self.past,
            self.verifier,
        )
        replica.fetcher.reach_by(presence.reachable, presence.ended, presence.met)

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
        self.deed_log.accept(replica.ready())
        for session in self.deed_log.arrived:
            peer = self.peers.get(session)
            if peer is not None:
                log = replica.log(session, TALK)
                context.send_to(peer, packets.Have([Frontier(session, TALK, log.head, log.hash)]))
        self.deed_log.arrived.clear()
        pulls, replica.fetcher.pulls = replica.fetcher.pulls, []
        for source, pull in pulls:
            peer = self.peers.get(source)
            if peer is not None:
                context.send_to(peer, pull)

    def letter(self, mailbox: bytes, body: bytes, now: float) -> list[tuple[bytes, bytes]]:
        """Takes a letter from our mailbox, of a joiner or of a member that we do not know; returns the answers."""
        self.context.now = now
        if not packets.is_for_room(body):
            return self.gatekeeper.receive(mailbox, body, now)
        try:
            _, said = self.keyring.open(body)
        except Refusal:
            return []
        if isinstance(said, Shout):
            self.deed_log.take(said, now)
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

    def enter(self, welcome: admission.Welcome, cheats: Iterable[Cheat], backlog: int | None) -> None:
        """Takes over what the sponsor knows: who is here, who cheats, how far the logs go. Shows `backlog` of them."""
        now, present = self.context.now, set(welcome.present)
        self.governance.sync(present.union(card.session for card in welcome.cards))
        for cheat in cheats:
            self.deed_log.check_cheat(cheat)
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

    def kick(self, nick: str, *, dry_run: bool = False) -> None:
        """Removes a person from the room; `dry_run` only asks if it can. Raises Refusal."""
        self.governance.kick(nick, dry_run=dry_run)

    def name_owner(self, nick: str) -> None:
        """Makes a person an owner too. Raises Refusal."""
        self.governance.name_owner(nick)

    def rotate(self) -> str:
        """Changes the code; returns the new one."""
        return self.governance.rotate()

    def rename(self, nick: str) -> None:
        """Changes the member's nick. Raises Refusal."""
        self.cards.rename(nick)

    # Time --------------------------------------------------------------------------------------------------

    def get_timer(self) -> float:
        """When `handle_timer` is to be called."""
        timers = [self.gossip.get_timer(), *self.whispers.get_timers(), *self.rekeying.get_timers()]
        some = (self.replica.fetcher, self.gatekeeper, self.reunion, self.past, self.display, self.verifier)
        return min(timers + [due for each in some if (due := each.get_timer()) is not None])

    def handle_timer(self, now: float) -> None:
        """Does what is due."""
        self.context.now = now
        self.deed_log.accept(self.replica.handle_timer(now))
        self.gatekeeper.handle_timer(now)
        self.rekeying.handle_timer(now)
        self.whispers.handle_timer(now)
        self.gossip.handle_timer(now)
        self.reunion.handle_timer(now)
        self.past.handle_timer(now)
        self.verifier.handle_timer(now)
        self.settle(now)
