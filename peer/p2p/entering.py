"""Entering: how a session becomes a member of a room, by creating it, by joining it, or by whichever works."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from functools import partial

from sandpiper.common.codes import RoomCode, make_words
from sandpiper.common.errors import Code, NoSuchRoom, Refusal, Rejected
from sandpiper.common.legacy import RoomCreated
from sandpiper.common.limits import ROOM_EXPIRES_S
from sandpiper.common.p2p.packets import Card
from sandpiper.peer.events import Event
from sandpiper.peer.p2p.admission.driver import AdmissionDriver
from sandpiper.peer.p2p.bootstrap import RoomPolicy, enter_room, found_room
from sandpiper.peer.p2p.member import Member
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient
from sandpiper.peer.p2p.rendezvous.services import DiscoveryServices
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.options import How, PeerOptions
from sandpiper.peer.p2p.state.outputs import MemberSettings
from sandpiper.peer.p2p.transport import Transport


class Entering:
    """Makes a member, as the options say. `made` gets it before it has a lease, and None if it gets none."""

    def __init__(
        self,
        options: PeerOptions,
        keys: SessionKeys,
        services: DiscoveryServices,
        transport: Transport,
        made: Callable[[Member | None], None],
        tell: Callable[[Event], None],
    ) -> None:
        self._options = options
        self._keys = keys
        self._services = services
        self._transport = transport
        self._made = made
        self._tell = tell
        self._admission: AdmissionDriver | None = None

    async def run(self) -> None:
        """Enters the room. Raises AccessDenied, NoSuchRoom, Rejected, SandpiperError."""
        options = self._options
        await self._services.open(options.code.nameplate if options.code is not None else None)
        if options.how is How.CREATE:
            await self._create(None)
        elif options.how is How.JOIN:
            await self._join()
        else:
            await self._join_or_create()

    def letter(self, service: RendezvousClient, sender: bytes, body: bytes) -> None:
        """Takes a letter of a sponsor."""
        if self._admission is not None:
            self._admission.letter(service, sender, body)

    async def _join_or_create(self) -> None:
        try:
            await self._join()
        except NoSuchRoom:
            await self._services.ensure_local()
            self._services.require()
            try:
                await self._create(self._options.code)
            except Rejected:
                await self._join_or_insist()  # somebody was faster, or a service lies

    async def _join_or_insist(self) -> None:
        try:
            await self._join()
        except NoSuchRoom:
            await self._create(self._options.code, despite_taken=True)

    async def _create(self, code: RoomCode | None, *, despite_taken: bool = False) -> None:
        options = self._options
        words = code.words if code is not None else make_words(options.words, secrets.randbelow)
        nameplate = code.nameplate if code is not None else 0
        member = found_room(
            self._keys,
            RoomCode(words, nameplate),
            options.password,
            RoomPolicy(options.capacity, options.history),
            MemberSettings(options.nick, options.quiet),
            now=time.monotonic(),
            wall=time.time,
            entropy=os.urandom,
        )
        self._made(member)
        update_card(member, self._transport, self._services)
        try:
            connections = self._services.connections
            leased = await connections.claim_fresh(nameplate, *member.lease(), despite_taken=despite_taken)
            await self._services.advertise()
        except Refusal as refusal:
            self._made(None)
            if refusal.code is Code.TAKEN and nameplate:
                raise Rejected(f"room {nameplate} is somebody else's now; try again to join it") from None
            raise Rejected(f"the discovery service gives no room: {refusal.text}") from None
        member.settle_at(leased.nameplate)
        until = min(leased.expires_at, int(time.time() + ROOM_EXPIRES_S))  # a service may say anything
        self._tell(RoomCreated(member.status.room_name, until))

    async def _join(self) -> None:
        options, code = self._options, self._options.code
        assert code is not None
        groups = await self._services.lookup(code.nameplate)
        search = partial(self._services.lookup_again, code.nameplate)
        admission = AdmissionDriver(self._keys, code, options.password, self._first_card(), groups, search)
        self._admission = admission
        try:
            welcome = await admission.run()
        finally:
            self._admission = None
        member = enter_room(
            self._keys,
            welcome,
            code,
            options.password,
            MemberSettings(options.nick, options.quiet),
            backlog=options.backlog,
            now=time.monotonic(),
            wall=time.time,
            entropy=os.urandom,
        )
        member.report_guesses(admission.missed)
        self._made(member)
        await self._services.ensure_local()
        update_card(member, self._transport, self._services)
        await self._services.connections.lease(code.nameplate, *member.lease())

    def _first_card(self) -> Card:
        """The card that goes with the application, so that the others can reach the newcomer at once."""
        options = self._options
        update_hosts(self._transport, self._services)
        return Card(self._keys.session, 0, options.nick, quiet=options.quiet, **self._transport.card())


def update_hosts(transport: Transport, services: DiscoveryServices) -> bool:
    """Looks where this machine is reached, as it and the services see it; whether that has changed."""
    return transport.update_hosts([(service.host, service.observed) for service in services.connections.up()])


def update_card(member: Member, transport: Transport, services: DiscoveryServices) -> None:
    """Puts into the member's card how it is reached now."""
    update_hosts(transport, services)
    member.change_card(**transport.card(), service=services.service_port)
