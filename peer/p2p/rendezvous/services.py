"""Finding discovery services, where a room's members leave their mailboxes and cards.

Services that were named by option are the only ones then. Else a member looks for one at the usual ports of this
machine and for those that are announced on the network (mDNS), or makes one. Every machine with members has one, so the
member that made it may leave: another one takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import random
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import zmq

from sandpiper.common.errors import Code, NoSuchRoom, Refusal, SandpiperError, TrustError, Unreachable, UsageError
from sandpiper.common.host_port import joined, parted
from sandpiper.common.io.addresses import candidates
from sandpiper.common.io.os_errors import reason
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import (
    FIND_LAN_S,
    FIND_PROBE_S,
    LAN_AGAIN_LEAST_S,
    LAN_AGAIN_MOST_S,
    LAN_SERVICES,
    LOOKUP_S,
    RECONNECT_MOST_S,
    TAKE_OVER_MOST_S,
)
from sandpiper.common.target import DISCOVERY_PORT
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient
from sandpiper.peer.p2p.rendezvous.connections import ServiceConnections, ServicesCallbacks
from sandpiper.peer.p2p.rendezvous.lookup import ask_all, judge
from sandpiper.peer.p2p.state.options import Embedded, PeerOptions
from sandpiper.peer.profile import Profile

if TYPE_CHECKING:
    from sandpiper.common.io.lan import Lan

PORTS = range(DISCOVERY_PORT, DISCOVERY_PORT + 10)
_LOOPBACK = "127.0.0.1"
_TAKE_OVER_S = 1.0


class DiscoveryServices:
    """The discovery services of one room's member: finds them, makes one where there is none, and comes back to them.

    Made on a running loop. `connections` are those that were found, with our lease at each.
    """

    def __init__(
        self, ctx: zmq.Context[Any], options: PeerOptions, profile: Profile, callbacks: ServicesCallbacks
    ) -> None:
        self.connections = ServiceConnections(ctx, profile, callbacks, self._lost)
        self._options = options
        self._embedded: Embedded | None = None
        self._lan: Lan | None = None
        self._advertised = 0
        self._no_network = False
        self._unheard = self._searched = False
        self._found: set[str] = set()
        self._strangers: set[str] = set()
        self._unmade: OSError | SandpiperError | None = None
        self._around_at: float | None = None
        self._around_s = LAN_AGAIN_LEAST_S
        self._again_s = _TAKE_OVER_S
        self._task: asyncio.Task[None] | None = None

    @property
    def named(self) -> bool:
        """Whether the services were named by option, and are the only ones."""
        return bool(self._options.discovery)

    @property
    def service_port(self) -> int:
        """The port of the service that runs in this process; 0 for none."""
        return self._embedded.port if self._embedded is not None else 0

    @property
    def lan_trouble(self) -> str:
        """Why nobody is found on the network, if so."""
        return self._lan.trouble if self._lan is not None else ""

    def _lan_turned(self, trouble: str) -> None:
        """Warns once that the network is not told of the room, until it is."""
        from sandpiper.common.io.lan import NO_NETWORK

        if not trouble:
            self._unheard = False
        elif trouble != NO_NETWORK and not self._unheard and self.connections.nameplate is not None:
            self._unheard = True
            text = f"this network is not told of the room: {trouble}. Others on it join by --discovery HOST:PORT alone"
            self.connections.warn("lan", text)

    def hosts_changed(self) -> None:
        """Searches anew, for this machine has other addresses.

        The room may have to be told of on a network that was not there, and the others may have moved too.
        """
        self._search_anew()
        self._again_s = _TAKE_OVER_S
        self.connections.moved.set()

    # Finding -----------------------------------------------------------------------------------------------

    async def open(self, nameplate: int | None) -> None:
        """Finds services: for a room that is to be there, or for a new one (None). Raises Unreachable, TrustError."""
        if self.named:
            await self._open_named()
        else:
            await self._probe_local()
            if nameplate is None and not self.connections.all:
                await self._make_local()
                self.require()
        self._task = asyncio.create_task(self._maintain())

    def require(self) -> None:
        """Raises SandpiperError if there is no service to make a room at."""
        if self.connections.all or self.named:
            return
        if isinstance(self._unmade, SandpiperError):
            raise self._unmade
        why = f"ports {PORTS[0]}-{PORTS[-1]} are taken by other programs"
        if self._unmade is not None:
            why = f"none can be made here ({reason(self._unmade)})"
        raise Unreachable(
            f"no discovery service on this machine, and {why}; run `sandpiper discovery --port N`, and give "
            "--discovery localhost:N"
        )

    async def _open_named(self) -> None:
        """Connects to the services that were named. Those that refuse, or show another key, are left out."""
        addresses = self._options.discovery
        errors = await asyncio.gather(*(self.connections.connect(address, pin=True) for address in addresses))
        found = [error for error in errors if error is not None]
        misused = [error for error in found if isinstance(error, UsageError)]
        if misused or not self.connections.all:
            raise min(misused or found, key=lambda each: isinstance(each, Unreachable))
        for error in found:
            if not isinstance(error, (Unreachable, TrustError)):
                self.connections.warn("discovery", str(error))

    async def _probe_local(self) -> None:
        """Connects to the services that run on this machine already."""
        known = {service.address for service in self.connections.all}
        places = [f"{_LOOPBACK}:{port}" for port in PORTS if f"{_LOOPBACK}:{port}" not in known]
        open_ = await asyncio.gather(*(_answers(place) for place in places))
        found = [place for place, answers in zip(places, open_, strict=True) if answers]
        errors = await asyncio.gather(
            *(self.connections.connect(place, pin=False, seconds=FIND_PROBE_S) for place in found)
        )
        self._strangers = {place for place, error in zip(found, errors, strict=True) if error is not None}

    def _local(self) -> list[RendezvousClient]:
        return [service for service in self.connections.up() if service.address.startswith(_LOOPBACK)]

    async def ensure_local(self) -> None:
        """Makes a service on this machine, if none runs."""
        if self.named or self._options.quiet or self._embedded is not None or self._local():
            return  # who comes for a moment only leaves this to those who stay
        await self._probe_local()
        await self._make_local()

    async def _make_local(self) -> None:
        """Makes a service, after the ports have been looked at and none was found."""
        if self._options.quiet or self._local() or self._options.embed is None:
            return
        host = _LOOPBACK if self._options.local else "0.0.0.0"  # noqa: S104  # the network is to find it
        for port in PORTS:
            place = f"{_LOOPBACK}:{port}"
            if place in self._strangers:
                continue  # it has been asked, and would only keep us waiting once more
            try:
                self._embedded = await self._options.embed(host, port)
            except SandpiperError as error:  # too few descriptors or threads: who joins can be there without it
                self._unmade = error
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    self._unmade = error
                if await self.connections.connect(place, pin=False, seconds=FIND_PROBE_S) is None:
                    return  # another member was faster
                continue
            await self.connections.connect(place, pin=False)
            return

    async def _search(self, nameplate: int) -> None:
        """Searches the network, and this machine again, where a member may just be taking over."""
        await asyncio.gather(self._browse(nameplate), asyncio.sleep(_TAKE_OVER_S * 1.5))
        await self._probe_local()

    async def _browse(self, nameplate: int) -> None:
        """Connects to the services that are announced on the network for that room."""
        lan = self._open_lan()
        if lan is None:
            return
        known = {service.address for service in self.connections.all}
        found = await lan.browse(nameplate, FIND_LAN_S)
        own = {joined(host, port) for host in candidates(False) for port in PORTS}  # this machine's, probed already
        places = [place for place in found if place not in known and place not in own]
        places = places[: max(LAN_SERVICES - len(self.connections.all), 0)]
        errors = await asyncio.gather(
            *(self.connections.connect(place, pin=False, seconds=FIND_PROBE_S) for place in places)
        )
        self._found.update(place for place, error in zip(places, errors, strict=True) if error is None)

    def _open_lan(self) -> Lan | None:
        if self._lan is None and self._options.lan and not self.named:
            from sandpiper.common.io.lan import Lan  # zeroconf takes a while to import

            self._lan = Lan(self._lan_turned)
        return self._lan

    async def _maintain(self) -> None:
        """Comes back to services that were not there, and takes over from one that has gone."""
        while True:
            if self._settled:
                self._again_s = _TAKE_OVER_S
                await self._pause()
                await asyncio.sleep(random.uniform(0, _TAKE_OVER_S))  # not all of a machine's members at once
            else:
                pause, self._again_s = self._again_s, self._again_s * 2
                await asyncio.sleep(_TAKE_OVER_S)
                await self._pause(min(pause, RECONNECT_MOST_S if self.named else TAKE_OVER_MOST_S) - _TAKE_OVER_S)
            self.connections.moved.clear()
            with contextlib.suppress(SandpiperError, Refusal, OSError):
                if self.named:
                    for address in self._missing():
                        await self.connections.connect(address, pin=True)
                elif self.connections.nameplate is not None:
                    await self.ensure_local()
                    await self.advertise()
                    await self._browse_again(self.connections.nameplate)

    async def _pause(self, most_s: float = math.inf) -> None:
        """Waits so long, or until something moves, or the network is to be searched again."""
        if self._around_at is not None:
            most_s = min(most_s, max(self._around_at - asyncio.get_running_loop().time(), 0.0))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.connections.moved.wait(), most_s if most_s < math.inf else None)

    def _search_anew(self) -> None:
        if not self.named:
            self._around_at, self._around_s = asyncio.get_running_loop().time(), LAN_AGAIN_LEAST_S

    def _lost(self, address: str) -> None:
        """Searches the network for a service that is gone: it may have another address now."""
        if address in self._found:
            self._search_anew()

    async def _browse_again(self, nameplate: int) -> None:
        loop = asyncio.get_running_loop()
        if self._around_at is None or loop.time() < self._around_at:
            return
        self._around_at, self._around_s = loop.time() + self._around_s, self._around_s * 2
        await self._browse(nameplate)
        if self._around_s > LAN_AGAIN_MOST_S:
            self._around_at = None
            gone = [each for each in self.connections.all if each.address in self._found and not each.up]
            self._found -= {service.address for service in gone}
            await self.connections.give_up(gone)

    def _missing(self) -> list[str]:
        """Lists the services that were named and never connected."""
        known = {service.address for service in self.connections.all}
        return [each for each in self._options.discovery if each not in known and each in self.connections.trouble]

    @property
    def _settled(self) -> bool:
        """Whether there is nothing to do until something moves."""
        if self.named:
            return not self._missing()
        options, local = self._options, self._local()
        if self.connections.nameplate is None or options.quiet:
            return True
        if self._no_network and options.listen is None and options.path != "relay":
            return bool(local)  # `hosts_changed` says when there is one
        return bool(local) and (not options.lan or self._advertised == _port_of(local[0]))

    async def advertise(self) -> None:
        """Tells the network of the room, once it has a lease and a service runs on this machine."""
        if self._options.quiet:
            return
        lan = self._open_lan()
        local = self._local()
        if lan is None or self.connections.nameplate is None or not local:
            return
        port = _port_of(local[0])
        if port != self._advertised:
            hosts = [host for host in candidates(False) if not host.startswith("127.") and host != "::1"]
            self._no_network = not hosts
            if hosts and (self._embedded is not None or await _answers(joined(hosts[0], port))):
                await lan.advertise(self.connections.nameplate, port)
                self._advertised = port

    # Rooms -------------------------------------------------------------------------------------------------

    async def lookup(self, nameplate: int) -> list[list[tuple[object, bytes]]]:
        """Finds mailboxes of the room's members, by group. Raises NoSuchRoom, Unreachable, Rejected."""
        until = asyncio.get_running_loop().time() + LOOKUP_S
        self._searched = searched = self.named
        while True:
            groups, refusals = await ask_all(self.connections.up(), nameplate)
            if groups:
                return groups
            if not searched:
                self._searched = searched = True
                before = len(self.connections.all)
                await self._search(nameplate)
                if len(self.connections.all) > before:
                    continue
            judge(refusals, named=self.named)
            waits = [refusal.retry_ms / 1000 for refusal in refusals if refusal.code is Code.NOT_YET]
            if not waits or asyncio.get_running_loop().time() >= until:
                raise NoSuchRoom(self._nobody(nameplate))
            await asyncio.sleep(min(max(min(waits), 0.1), 0.5))

    async def lookup_again(self, nameplate: int) -> list[list[tuple[object, bytes]]]:
        """Finds mailboxes anew, also at services that the network tells of: the first ones may have been liars'."""
        if not self._searched:
            await self._search(nameplate)
        return (await ask_all(self.connections.up(), nameplate))[0]

    def _nobody(self, nameplate: int) -> str:
        where = "there" if self.named else "on this machine" + (" or its network" if self._options.lan else "")
        why = f" ({self.lan_trouble}: try --discovery HOST, with a member's machine)" if self.lan_trouble else ""
        if self.connections.doubt:
            why = f" ({self.connections.doubt})"
        return (
            f"no such room: nobody is in room {nameplate} {where}{why}. Check the number, or whether --discovery is "
            "the same as theirs; to open the room yourself: sandpiper peer --room CODE"
        )

    async def close(self) -> None:
        """Gives up every lease, and closes what was made here."""
        await end(self._task)
        endings: list[Awaitable[None]] = [self.connections.close()]
        if self._lan is not None:
            endings.append(self._lan.close())
        await asyncio.gather(*endings, return_exceptions=True)
        if self._embedded is not None:
            await self._embedded.close()


async def _answers(place: str) -> bool:
    """Whether anything listens at an address."""
    host, port = parted(place)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), FIND_PROBE_S)
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _port_of(service: RendezvousClient) -> int:
    return int(parted(service.address)[1])
