"""Connections to discovery services: what they say of themselves, and our lease at each of them.

At every service that can be reached the room's members leave their mailboxes and cards, under one lease each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import zmq
from nacl.signing import SigningKey

from sandpiper.common.errors import Code, Refusal, SandpiperError, TrustError, Unreachable
from sandpiper.common.limits import DISCOVERY_TRIES, FIND_S
from sandpiper.common.rendezvous import Leased, PeerCard
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.mesh.guarded_links import GuardedLinks
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient
from sandpiper.peer.profile import Profile


class ServicesCallbacks(Protocol):
    """The callbacks of the connections."""

    def letter(self, service: RendezvousClient, sender: bytes, body: bytes) -> None:
        """A letter has come for our mailbox at that service."""

    def cards(self, service: RendezvousClient, cards: list[PeerCard]) -> None:
        """The other members' sealed cards, as they lie at a service now; none once it is given up."""

    def services_moved(self) -> None:
        """A service came or went, or there is a warning."""


class _Listener:
    """The callbacks of one connection (see RendezvousCallbacks)."""

    def __init__(self, connections: ServiceConnections) -> None:
        self.connections = connections
        self.service: RendezvousClient

    def letter(self, sender: bytes, body: bytes) -> None:
        """See RendezvousCallbacks."""
        self.connections.callbacks.letter(self.service, sender, body)

    def peers(self, cards: list[PeerCard]) -> None:
        """See RendezvousCallbacks."""
        self.connections.callbacks.cards(self.service, cards)

    def up(self) -> None:
        """See RendezvousCallbacks."""
        self.connections.trusted(self.service.address)
        self.connections.told()

    def down(self, text: str) -> None:
        """See RendezvousCallbacks."""
        connections, address = self.connections, self.service.address
        connections.trouble[address] = text
        if self.service.distrusted:
            connections.distrust(address, text)
        connections.lost(address)
        connections.told()


@dataclass(frozen=True, slots=True)
class _RoomLease:
    """The lease to hold at every service: which room, under which key of its group, with which sealed card."""

    nameplate: int
    registration: SigningKey
    blob: bytes


class ServiceConnections:
    """A member's connections to discovery services, and its lease at each. Made on a running loop.

    `moved` is set when one came or went, or the lease is another; `lost` is called with the address of one that went.
    `trouble` says, by address, why one is not there.
    """

    def __init__(
        self, ctx: zmq.Context[Any], profile: Profile, callbacks: ServicesCallbacks, lost: Callable[[str], None]
    ) -> None:
        self.callbacks = callbacks
        self.lost = lost
        self.all: list[RendezvousClient] = []
        self.trouble: dict[str, str] = {}
        self.warnings: list[Warned] = []
        self.moved = asyncio.Event()
        self.guard: GuardedLinks | None = None
        self._context = ctx
        self._profile = profile
        self._distrusted: set[str] = set()
        self._lease: _RoomLease | None = None

    def up(self) -> list[RendezvousClient]:
        """Lists the services that can be asked now."""
        return [service for service in self.all if service.up]

    @property
    def nameplate(self) -> int | None:
        """The nameplate of the room that is to be leased, if there is one."""
        return self._lease.nameplate if self._lease is not None else None

    def told(self) -> None:
        """Tells that a service came or went."""
        self.moved.set()
        self.callbacks.services_moved()

    def warn(self, kind: str, text: str) -> None:
        """Leaves a warning for a person."""
        self.warnings.append(Warned(kind, text))
        self.callbacks.services_moved()

    def distrust(self, address: str, text: str) -> None:
        """Warns once that a service shows another key than it had, until it shows the old one again."""
        if address not in self._distrusted:
            self._distrusted.add(address)
            self.warn("key", text)

    def trusted(self, address: str) -> None:
        """Takes note that a service is there, with the key that it had."""
        self.trouble.pop(address, None)
        self._distrusted.discard(address)

    @property
    def doubt(self) -> str:
        """Why one of the services is not trusted, if so."""
        return next((self.trouble[each] for each in self._distrusted if each in self.trouble), "")

    async def connect(self, address: str, *, pin: bool, seconds: float = FIND_S) -> SandpiperError | None:
        """Connects to one service, and claims the lease there; returns why it is not there, if so."""
        listener = _Listener(self)
        try:
            client = RendezvousClient(
                self._context, address, self._profile, pin=pin, callbacks=listener, guard=self.guard
            )
            listener.service = client
            await asyncio.wait_for(client.open(), seconds)
        except asyncio.TimeoutError:
            error: SandpiperError = Unreachable(f"the discovery service at {address} does not answer")
        except SandpiperError as raised:
            error = raised
        else:
            self.all.append(client)
            self.trusted(address)
            await self._claim_at(client)
            return None
        self.trouble[address] = str(error)
        if isinstance(error, TrustError):
            self.distrust(address, str(error))
        return error

    async def give_up(self, services: list[RendezvousClient]) -> None:
        """Closes these for good."""
        self.all = [service for service in self.all if service not in services]
        await asyncio.gather(*(service.close() for service in services))
        for service in services:
            self.callbacks.cards(service, [])  # whoever keeps what it last said lets go of it

    async def close(self) -> None:
        """Closes all, giving up the lease."""
        await asyncio.gather(*(service.close() for service in self.all), return_exceptions=True)

    # The lease ---------------------------------------------------------------------------------------------

    async def claim_fresh(
        self, nameplate: int, registration: SigningKey, blob: bytes, *, despite_taken: bool = False
    ) -> Leased:
        """Leases a nameplate that is free at every service, which propose it in turn; 0 is any. A service that refuses
        all is left out for the time being, and a person told; one that says that a number which was told before is
        taken, only `despite_taken`. Raises Refusal, TAKEN and others, where none gives one.
        """
        tries = DISCOVERY_TRIES if nameplate == 0 else 1
        for turn in range(tries):
            services = self.up()
            if not services:
                raise Refusal(Code.CLOSING, "no discovery service can be reached")
            first = turn % len(services)
            leased, refused = await self._claim_each(
                [*services[first:], *services[:first]], nameplate, registration, blob
            )
            taken = any(refusal.code is Code.TAKEN for refusal in refused.values())
            last = turn == tries - 1 and nameplate == 0
            if leased is not None and (despite_taken or last or not taken):
                self._lease = _RoomLease(leased.nameplate, registration, blob)
                self._leave_out(refused)
                self.moved.set()
                return leased
            for service in services:
                service.release()
            if last or nameplate or not taken:
                raise next(iter(sorted(refused.values(), key=lambda each: each.code is not Code.TAKEN)))
        raise AssertionError("unreachable")

    async def _claim_each(
        self, services: list[RendezvousClient], nameplate: int, registration: SigningKey, blob: bytes
    ) -> tuple[Leased | None, dict[RendezvousClient, Refusal]]:
        """Claims one nameplate at all of these: what the first that gives it proposes, unless it is given."""
        leased: Leased | None = None
        refused: dict[RendezvousClient, Refusal] = {}
        for service in services:
            try:
                given = await service.claim(nameplate, registration, blob, fresh=True)
            except Refusal as refusal:
                refused[service] = refusal
            else:
                leased, nameplate = leased or given, given.nameplate
        return leased, refused

    def _leave_out(self, refused: dict[RendezvousClient, Refusal]) -> None:
        for service, refusal in refused.items():
            self.trouble[service.address] = refusal.text
            self.warn("discovery", f"the discovery service at {service.address} refuses the room: {refusal.text}")
            self._want_at(service)

    async def lease(self, nameplate: int, registration: SigningKey, blob: bytes) -> None:
        """Joins the room's group at every service, at once or as soon as it can be. Raises Refusal when all refuse."""
        self._lease = _RoomLease(nameplate, registration, blob)
        self.moved.set()
        for service in self.all:
            if not service.up:
                self._want_at(service)
        refusals = [each for service in self.up() if (each := await self._claim_at(service)) is not None]
        passing = any(refusal.code in (Code.CLOSING, Code.RATE) for refusal in refusals)
        if refusals and not passing and len(refusals) == len(self.up()):
            raise refusals[0]

    async def _claim_at(self, service: RendezvousClient) -> Refusal | None:
        lease = self._lease
        if lease is None:
            return None
        try:
            await service.claim(lease.nameplate, lease.registration, lease.blob, fresh=False)
        except Refusal as refusal:
            self.trouble[service.address] = refusal.text
            self._want_at(service)
            return refusal
        return None

    def _want_at(self, service: RendezvousClient) -> None:
        """Leases later, where a service has just gone or is busy."""
        if self._lease is not None:
            service.want(self._lease.nameplate, self._lease.registration, self._lease.blob)

    def update(self, blob: bytes) -> None:
        """Leaves another card at every service."""
        if self._lease is not None:
            self._lease = replace(self._lease, blob=blob)
            for service in self.all:
                service.update(blob)

    def rotate(self, registration: SigningKey, blob: bytes) -> None:
        """Leases under another key of the group, with the card sealed anew."""
        if self._lease is not None:
            self._lease = replace(self._lease, registration=registration, blob=blob)
            for service in self.all:
                service.set_registration(registration, blob)
