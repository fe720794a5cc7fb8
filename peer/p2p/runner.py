"""The runner: drives a member with what it, being pure, cannot have: sockets, the clock and chance.

It hands the member what the mesh, the relays and the discovery services bring, carries out what the member wants done,
and wakes it when something is due.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.descriptors import raise_file_limit, require
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.common.io.tasks import terminated
from sandpiper.common.limits import CLOSE_S, MEMBER_DESCRIPTORS
from sandpiper.common.messages import Draft
from sandpiper.common.rendezvous import PeerCard
from sandpiper.peer.events import Entered, Event, Received, Warned
from sandpiper.peer.known_people import KnownPeople
from sandpiper.peer.p2p.arrivals import Arrivals
from sandpiper.peer.p2p.connectivity import Connectivity
from sandpiper.peer.p2p.entering import Entering
from sandpiper.peer.p2p.member import Member
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient
from sandpiper.peer.p2p.rendezvous.services import DiscoveryServices
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.options import PeerOptions
from sandpiper.peer.p2p.state.outputs import Came, Command, Drop, Named, NewCard, NewEpoch, Reach
from sandpiper.peer.p2p.state.peer import Way
from sandpiper.peer.p2p.transport import Transport, TransportCallbacks
from sandpiper.peer.p2p.upkeep import TOGETHER_S, Upkeep
from sandpiper.peer.p2p.whisper_answers import WhisperAnswers
from sandpiper.peer.profile import Profile
from sandpiper.peer.reconnect import LazyTimer
from sandpiper.peer.status import RoomStatus

log = logging.getLogger("sandpiper.peer")


class MemberRunner:
    """Runs one member. Made on a running loop. `turned` is called when there are `events`; `moved` is set then too."""

    def __init__(self, options: PeerOptions, profile: Profile, turned: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._turned = turned
        raise_file_limit()
        require(MEMBER_DESCRIPTORS)
        self._context = context()
        curve = CurveKeys.make()
        keys = SessionKeys.make(profile.signing_key, curve.public, os.urandom)
        self.events: deque[Event] = deque()
        self.moved = asyncio.Event()
        callbacks = TransportCallbacks(
            self._received, self._relayed, self._heard_by, self._relays_moved, self._look_soon
        )
        with ExitStack() as undo:
            undo.callback(self._context.destroy, 0)
            self.transport = Transport(self._context, curve, options, profile, callbacks)
            undo.pop_all()
        self.services = DiscoveryServices(self._context, options, profile, self)
        self.services.connections.guard = self.transport.guard
        self.connectivity = Connectivity(self.transport)
        self.member: Member | None = None
        self._entering = Entering(options, keys, self.services, self.transport, self._take_member, self.events.append)
        self._arrivals = Arrivals(self.transport, KnownPeople(profile), self._tell)
        self._timer = LazyTimer(self._loop, self._due)
        self._upkeep = Upkeep(self.transport, self.services, self.connectivity)
        self.whispers = WhisperAnswers()
        self._status: RoomStatus | None = None
        self._inside = False
        self.closed = False

    # Entering and leaving ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Enters the room, opens every way to the others, and starts the clock. Raises SandpiperError."""
        self.transport.bind()
        await self._entering.run()
        assert self.member is not None
        self.transport.subscribe()
        self._use_relays()
        self.events.append(Entered(self.member.status.room_name, self.member.status.nick))
        self._inside = True
        self._warn()
        self._upkeep.begin(time.monotonic())
        self.pump()

    def _take_member(self, member: Member | None) -> None:
        self.member = member
        if member is not None:
            self.transport.attach(member.presence, member.keyring)
        else:
            self.transport.detach()

    async def leave(self) -> None:
        """Says goodbye to the others."""
        if self.member is not None and not self.closed:
            self.member.leave()
            self.pump()
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Gives back every socket, timer and task."""
        if self.closed:
            return
        self.closed = True
        self.moved.set()  # whoever waits for an answer gets none
        self._arrivals.close()
        self._timer.cancel()
        self.whispers.close()
        # A socket that something has left open would keep the process from ending: it is closed with its context.
        try:
            closing = asyncio.gather(self.services.close(), self.transport.close(), return_exceptions=True)
            await asyncio.wait_for(closing, CLOSE_S)
        except asyncio.TimeoutError:
            log.warning("a room was left without a goodbye, which took over %.0f s", CLOSE_S)
            self._context.destroy(linger=0)
        except BaseException:
            self._context.destroy(linger=0)
            raise
        else:
            await terminated(partial(self._context.destroy, 0))

    # Publishing: see Outlet --------------------------------------------------------------------------------

    @property
    def broken(self) -> SandpiperError | None:
        """See Outlet."""
        return self.member.broken if self.member is not None else None

    @property
    def full(self) -> bool:
        """See Outlet. Alone, nothing waits for anybody."""
        member = self.member
        if member is None or not member.message_log.full:
            return False
        return not (member.status.alone and self.status.alone)

    @property
    def empty(self) -> bool:
        """See Outlet."""
        return self.member is None or not self.member.message_log.waiting

    @property
    def progressed_at(self) -> float:
        """See Outlet."""
        return self.member.message_log.progressed_at if self.member is not None else 0.0

    def post(self, draft: Draft, now: float, nick: str | None = None) -> str:
        """See Outlet; for a program beside the member under a `nick` that no key owns."""
        assert self.member is not None
        return self.member.post(draft, nick, now)

    def flush(self, now: float) -> None:
        """See Outlet."""
        assert self.member is not None
        self.member.flush(now)
        self.pump(calm=True)

    # What the transport says -------------------------------------------------------------------------------

    def _received(self, frames: list[bytes], source: bytes | None) -> None:
        member = self.member
        if member is None:
            return
        now, calm = time.monotonic(), True
        for frame in frames:
            calm = member.receive(frame, Way.MESH, now, source) and calm
            if member.show_life(time.monotonic()):  # on a slow machine a batch of pages takes longer than GONE_S
                now = time.monotonic()
                self.pump()
        member.settle(now)
        self.pump(calm=calm)

    def _relayed(self, packet: bytes) -> None:
        if self.member is not None:
            now = time.monotonic()
            calm = self.member.receive(packet, Way.RELAY, now)
            self.member.show_life(time.monotonic())
            self.member.settle(now)
            self.pump(calm=calm)

    def _heard_by(self, session: bytes | None) -> None:
        """A session (None: which is not known) has begun to hear us."""
        if self.member is None:
            return
        self.member.heard_by(session, time.monotonic())
        if session is None:
            self._set_timer()
        else:
            self.pump()

    def _use_relays(self) -> None:
        self.transport.use_relays([(service.host, service.brokers) for service in self.services.connections.up()])

    def _relays_moved(self) -> None:
        for text in self.transport.refusals():
            self._tell(Warned("relay", text))
        self._look_soon()
        if self.member is not None and self.member.card.relays != self.transport.relays:
            self.member.change_card(relays=self.transport.relays)
            self.pump()

    # What the discovery services say: see ServicesCallbacks ------------------------------------------------

    def letter(self, service: RendezvousClient, sender: bytes, body: bytes) -> None:
        """Takes a letter for us."""
        if self.member is None:
            self._entering.letter(service, sender, body)
            return
        for mailbox, answer in self.member.letter(sender, body, time.monotonic(), service):
            service.post(mailbox, answer)
        self.pump()

    def cards(self, service: RendezvousClient, cards: list[PeerCard]) -> None:
        """Takes the cards of the members that a service knows."""
        if self.member is not None:
            blobs = {each.mailbox: each.blob for each in cards}
            self.connectivity.lease(service, self.member.read_leases(service, blobs, time.monotonic()))
            self.member.take_leased(self.connectivity.present())
            self._look_soon()
            self.pump()

    def services_moved(self) -> None:
        """Takes note that a service came or went."""
        if self.member is not None:
            self.member.take_leased(self.connectivity.present())
            self._use_relays()
            self._warn()
            self._look_soon()

    def _warn(self) -> None:
        """Passes warnings of the services on; what they found out before there was a room waits for it."""
        if not self._inside:
            return
        connections = self.services.connections
        warnings, connections.warnings = connections.warnings, []
        if warnings:
            self.events.extend(warnings)
            self._turned()

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self._turned()

    # What the member wants ---------------------------------------------------------------------------------

    def pump(self, *, calm: bool = False) -> None:
        """Carries out what the member wants, hands its events on, sets the timer; not after a `calm` turn of talk."""
        member = self.member
        if member is None or self.closed:
            return
        now = time.monotonic()
        if now >= self._upkeep.due - TOGETHER_S and (changed := self._upkeep.look(member, now)) is not None:
            self.events.append(changed)
        self._status = None
        outputs = member.take()
        for command in outputs.commands:
            self._carry_out(member, command)
        if outputs.commands:
            self._look_soon()
        for out in outputs.packets:
            self.transport.send(out)
        for service, mailbox, packet in outputs.letters:
            if isinstance(service, RendezvousClient):
                service.post(mailbox, packet)
        if outputs.answers:
            self.whispers.take(outputs.answers)
        events = member.tell()
        if self._arrivals.late and any(isinstance(event, Received) and not event.own for event in events):
            self._arrivals.flush(member.status.room_name)
        self.events.extend(events)
        self._turned()
        if not calm:
            self._set_timer()
        self.moved.set()

    def _carry_out(self, member: Member, command: Command) -> None:
        match command:
            case Reach(session):
                self.transport.reach(session)
            case Drop(session, curve):
                self.transport.drop(session, curve)
            case Came(peer, here):
                tell = self._arrivals.came if here else self._arrivals.left
                tell(member.status.room_name, peer)
            case Named(peer):
                self._arrivals.recognise(peer)
            case NewCard():
                self.services.connections.update(member.lease()[1])
            case NewEpoch(cut):
                self.services.connections.rotate(*member.lease())
                self.transport.change_epoch(cut=cut)

    def pause(self, on: bool) -> None:
        """Lets what is heard wait for the reader, or no more."""
        if self.member is not None and not self.closed:
            self.member.pause(on)
            if not on:
                self._loop.call_soon(self.pump)

    # What it is like in the room ---------------------------------------------------------------------------

    @property
    def status(self) -> RoomStatus:
        """The room as it is now. Kept until the next turn: to ask what the paths are costs something with each peer."""
        if self._status is None:
            assert self.member is not None
            self._status = self.member.status.room(self.connectivity, time.monotonic())
        return self._status

    # Time --------------------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        if self.member is None or self.closed:
            return
        due = self.member.get_timer()
        self._timer.set(due if due <= self._upkeep.due + TOGETHER_S else self._upkeep.due)

    def _due(self, now: float) -> None:
        if self.member is not None:
            self.member.handle_timer(now)
            self.pump()

    def _look_soon(self) -> None:
        self._status = None
        self._upkeep.look_soon()
        self._set_timer()
