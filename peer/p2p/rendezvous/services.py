"""The meeting points: discovery services where a room's members leave their mailboxes and cards.

Those that were named are the only ones then. Else, on this machine and network: a service on one of the usual ports of
this machine, one that somebody on the network advertises (mDNS), or one made here. Every machine with members on it has
one, so whoever made it may leave: another member takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import zmq
from nacl.signing import SigningKey

from sandpiper.common.errors import Code, NoSuchRoom, Refusal, Rejected, SandpiperError, TrustError, Unreachable
from sandpiper.common.host_port import joined, parted
from sandpiper.common.io.addresses import candidates
from sandpiper.common.io.os_errors import reason
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import (
    DISCOVERY_TRIES,
    FIND_LAN_S,
    FIND_PROBE_S,
    FIND_S,
    LAN_AGAIN_LEAST_S,
    LAN_AGAIN_MOST_S,
    LOOKUP_S,
    RECONNECT_MOST_S,
    TAKE_OVER_MOST_S,
)
from sandpiper.common.rendezvous import Leased, PeerCard
from sandpiper.common.target import DISCOVERY_PORT
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.rendezvous.client import Rendezvous
from sandpiper.peer.p2p.state.options import Embedded, PeerOptions

if TYPE_CHECKING:
    from sandpiper.common.io.lan import Lan

PORTS = range(DISCOVERY_PORT, DISCOVERY_PORT + 10)
_LOOPBACK = "127.0.0.1"
_TAKE_OVER_S = 1.0


class PointsHeard(Protocol):
    """Whom the points call."""

    def letter(self, point: Rendezvous, sender: bytes, body: bytes) -> None:
        """A letter for our mailbox at that point."""

    def cards(self, point: Rendezvous, cards: list[PeerCard]) -> None:
        """The other members' sealed cards, as they lie at a point now; none once it is given up."""

    def point_moved(self) -> None:
        """A point came or went; `trouble` says why."""


class _Ear:
    """What one point says."""

    def __init__(self, points: Points) -> None:
        self.points = points
        self.point: Rendezvous

    def letter(self, sender: bytes, body: bytes) -> None:
        """See RendezvousHeard."""
        self.points.heard.letter(self.point, sender, body)

    def peers(self, cards: list[PeerCard]) -> None:
        """See RendezvousHeard."""
        self.points.heard.cards(self.point, cards)

    def up(self) -> None:
        """See RendezvousHeard."""
        self.points.trusted(self.point.address)
        self.points.moved()

    def down(self, text: str) -> None:
        """See RendezvousHeard."""
        self.points.trouble[self.point.address] = text
        if self.point.distrusted:
            self.points.distrust(self.point.address, text)
        self.points.lost(self.point.address)
        self.points.moved()


@dataclass(frozen=True, slots=True)
class _Lease:
    nameplate: int
    registration: SigningKey
    blob: bytes


class Points:
    """One room's. Made on a running loop."""

    def __init__(self, ctx: zmq.Context[Any], wish: PeerOptions, heard: PointsHeard) -> None:
        self.heard = heard
        self.all: list[Rendezvous] = []
        self.trouble: dict[str, str] = {}
        self.warnings: list[Warned] = []
        self._distrusted: set[str] = set()
        self._context = ctx
        self._wish = wish
        self._lease: _Lease | None = None
        self._embedded: Embedded | None = None
        self._lan: Lan | None = None
        self._advertised = 0
        self._no_network = False
        self._unheard = False
        self._found: set[str] = set()
        self._strangers: set[str] = set()
        self._unmade: OSError | None = None
        self._around_at: float | None = None
        self._around_s = LAN_AGAIN_LEAST_S
        self._again_s = _TAKE_OVER_S
        self._task: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()

    @property
    def named(self) -> bool:
        """Whether the services were named by option, and are the only ones."""
        return bool(self._wish.discovery)

    @property
    def service_port(self) -> int:
        """The port of the service that runs in this process; 0 for none."""
        return self._embedded.port if self._embedded is not None else 0

    @property
    def lan_trouble(self) -> str:
        """Why nobody is found on the network, if so."""
        return self._lan.trouble if self._lan is not None else ""

    def moved(self) -> None:
        """A point came or went."""
        self._moved.set()
        self.heard.point_moved()

    def distrust(self, address: str, text: str) -> None:
        """A service shows another key than it had: told once, until it is itself again."""
        if address not in self._distrusted:
            self._distrusted.add(address)
            self._warn("key", text)

    def _warn(self, kind: str, text: str) -> None:
        self.warnings.append(Warned(kind, text))
        self.heard.point_moved()

    def _lan_turned(self, trouble: str) -> None:
        """Whether the network hears of the room: who is in it is told once why not, until it does."""
        from sandpiper.common.io.lan import NO_NETWORK

        if not trouble:
            self._unheard = False
        elif trouble != NO_NETWORK and not self._unheard and self._lease is not None:
            self._unheard = True
            text = f"this network is not told of the room: {trouble}. Others on it join by --discovery HOST:PORT alone"
            self._warn("lan", text)

    def trusted(self, address: str) -> None:
        """A service is there."""
        self.trouble.pop(address, None)
        self._distrusted.discard(address)

    def look(self) -> None:
        """This machine has other addresses: the room may have to be told of on a network that was not there, and the
        others may have moved too.
        """
        self._search_anew()
        self._again_s = _TAKE_OVER_S
        self._moved.set()

    def up(self) -> list[Rendezvous]:
        """Those that can be asked now."""
        return [point for point in self.all if point.up]

    # Finding -----------------------------------------------------------------------------------------------

    async def open(self, nameplate: int | None) -> None:
        """Finds services: for a room that is to be there, or for a new one (None). Raises Unreachable, TrustError."""
        if self.named:
            await self._open_named()
        else:
            await self._probe_local()
            if nameplate is None and not self.all:
                await self._make_local()
                self.check()
        self._task = asyncio.create_task(self._look_after())

    def check(self) -> None:
        """There is a service to make a room at. Raises Unreachable."""
        if self.all or self.named:
            return
        why = f"ports {PORTS[0]}-{PORTS[-1]} are taken by other programs"
        if self._unmade is not None:
            why = f"none can be made here ({reason(self._unmade)})"
        raise Unreachable(
            f"no discovery service on this machine, and {why}; run `sandpiper discovery --port N`, and give "
            "--discovery localhost:N"
        )

    async def _open_named(self) -> None:
        """One that shows another key is left out as one that is away is: the others may do, and a person is told."""
        errors = await asyncio.gather(*(self._try(address, pin=True) for address in self._wish.discovery))
        for error in errors:
            if error is not None and not isinstance(error, (Unreachable, TrustError)):
                raise error
        if not self.all:
            raise min((error for error in errors if error is not None), key=lambda each: isinstance(each, Unreachable))

    async def _try(self, address: str, *, pin: bool, seconds: float = FIND_S) -> SandpiperError | None:
        """Opens one; why not, if so."""
        ear = _Ear(self)
        try:
            point = ear.point = Rendezvous(self._context, address, self._wish.profile, pin=pin, heard=ear)
            await asyncio.wait_for(point.open(), seconds)
        except asyncio.TimeoutError:
            error: SandpiperError = Unreachable(f"the discovery service at {address} does not answer")
        except SandpiperError as raised:
            error = raised
        else:
            self.all.append(point)
            self.trusted(address)
            await self._claim_at(point)
            return None
        self.trouble[address] = str(error)
        if isinstance(error, TrustError):
            self.distrust(address, str(error))
        return error

    async def _probe_local(self) -> None:
        """The services that run on this machine already."""
        known = {point.address for point in self.all}
        places = [f"{_LOOPBACK}:{port}" for port in PORTS if f"{_LOOPBACK}:{port}" not in known]
        open_ = await asyncio.gather(*(_answers(place) for place in places))
        found = [place for place, answers in zip(places, open_, strict=True) if answers]
        errors = await asyncio.gather(*(self._try(place, pin=False, seconds=FIND_PROBE_S) for place in found))
        self._strangers = {place for place, error in zip(found, errors, strict=True) if error is not None}

    def _local(self) -> list[Rendezvous]:
        return [point for point in self.up() if point.address.startswith(_LOOPBACK)]

    async def ensure_local(self) -> None:
        """Sees to it that a service runs on this machine, making one if need be."""
        if self.named or self._wish.quiet or self._embedded is not None or self._local():
            return  # who comes for a moment only leaves this to those who stay
        await self._probe_local()
        await self._make_local()

    async def _make_local(self) -> None:
        """Makes a service, where the ports have just been looked at and none was found."""
        if self._wish.quiet or self._local() or self._wish.embed is None:
            return
        host = _LOOPBACK if self._wish.local else "0.0.0.0"  # noqa: S104  # the network is to find it
        for port in PORTS:
            place = f"{_LOOPBACK}:{port}"
            if place in self._strangers:
                continue  # it has been asked, and would only keep us waiting once more
            try:
                self._embedded = await self._wish.embed(host, port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    self._unmade = error
                if await self._try(place, pin=False, seconds=FIND_PROBE_S) is None:
                    return  # another member was faster
                continue
            await self._try(place, pin=False)
            return

    async def _search(self, nameplate: int) -> None:
        """Looks further: on the network, and once more here, where a member may just be taking over."""
        await asyncio.gather(self._browse(nameplate), asyncio.sleep(_TAKE_OVER_S * 1.5))
        await self._probe_local()

    async def _browse(self, nameplate: int) -> None:
        """Services on the network where that room is."""
        lan = self._the_lan()
        if lan is None:
            return
        known = {point.address for point in self.all}
        found = await lan.browse(nameplate, FIND_LAN_S)
        own = {joined(host, port) for host in candidates(False) for port in PORTS}  # this machine's, probed already
        places = [place for place in found if place not in known and place not in own]
        self._found.update(places)
        await asyncio.gather(*(self._try(place, pin=False, seconds=FIND_PROBE_S) for place in places))

    def _the_lan(self) -> Lan | None:
        if self._lan is None and self._wish.lan and not self.named:
            from sandpiper.common.io.lan import Lan  # zeroconf takes a while to import

            self._lan = Lan(self._lan_turned)
        return self._lan

    async def _look_after(self) -> None:
        """Comes back to services that were not there, and takes over from one that has gone."""
        while True:
            if self._settled:
                self._again_s = _TAKE_OVER_S
                await self._rest()
                await asyncio.sleep(random.uniform(0, _TAKE_OVER_S))  # not all of a machine's members at once
            else:
                pause, self._again_s = self._again_s, self._again_s * 2
                await asyncio.sleep(_TAKE_OVER_S)
                await self._rest(min(pause, RECONNECT_MOST_S if self.named else TAKE_OVER_MOST_S) - _TAKE_OVER_S)
            self._moved.clear()
            with contextlib.suppress(SandpiperError, Refusal, OSError):
                if self.named:
                    for address in self._missing():
                        await self._try(address, pin=True)
                elif self._lease is not None:
                    await self.ensure_local()
                    await self._advertise()
                    await self._look_around(self._lease.nameplate)

    async def _rest(self, most_s: float = math.inf) -> None:
        """So long, or until something moves, or the network is to be searched again."""
        if self._around_at is not None:
            most_s = min(most_s, max(self._around_at - asyncio.get_running_loop().time(), 0.0))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._moved.wait(), most_s if most_s < math.inf else None)

    def _search_anew(self) -> None:
        if not self.named:
            self._around_at, self._around_s = asyncio.get_running_loop().time(), LAN_AGAIN_LEAST_S

    def lost(self, address: str) -> None:
        """A service is gone; one that was found on the network may have another address now."""
        if address in self._found:
            self._search_anew()

    async def _look_around(self, nameplate: int) -> None:
        loop = asyncio.get_running_loop()
        if self._around_at is None or loop.time() < self._around_at:
            return
        self._around_at, self._around_s = loop.time() + self._around_s, self._around_s * 2
        await self._browse(nameplate)
        if self._around_s > LAN_AGAIN_MOST_S:
            self._around_at = None
            gone = [point for point in self.all if point.address in self._found and not point.up]
            self.all = [point for point in self.all if point not in gone]
            self._found -= {point.address for point in gone}
            await asyncio.gather(*(point.close() for point in gone))
            for point in gone:
                self.heard.cards(point, [])  # whoever keeps what it last said lets go of it

    def _missing(self) -> list[str]:
        """Services that were named, and that have never been there."""
        known = {point.address for point in self.all}
        return [each for each in self._wish.discovery if each not in known and each in self.trouble]

    @property
    def _settled(self) -> bool:
        """Whether there is nothing to look after until something moves."""
        if self.named:
            return not self._missing()
        wish, local = self._wish, self._local()
        if self._lease is None or wish.quiet:
            return True
        if self._no_network and wish.listen is None and wish.path != "relay":
            return bool(local)  # `look` says when there is one
        return bool(local) and (not wish.lan or self._advertised == _port_of(local[0]))

    async def _advertise(self) -> None:
        if self._wish.quiet:
            return
        lan = self._the_lan()
        local = self._local()
        if lan is None or self._lease is None or not local:
            return
        port = _port_of(local[0])
        if port != self._advertised:
            hosts = [host for host in candidates(False) if not host.startswith("127.") and host != "::1"]
            self._no_network = not hosts
            if hosts and (self._embedded is not None or await _answers(joined(hosts[0], port))):
                await lan.advertise(self._lease.nameplate, port)
                self._advertised = port

    # Rooms -------------------------------------------------------------------------------------------------

    async def lookup(self, nameplate: int) -> list[list[tuple[object, bytes]]]:
        """Mailboxes of the room's members, those of one group together. Raises NoSuchRoom, Unreachable, Rejected."""
        until = asyncio.get_running_loop().time() + LOOKUP_S
        searched = self.named
        while True:
            groups, refusals = await self._ask_all(nameplate)
            if groups:
                return groups
            if not searched:
                searched = True
                before = len(self.all)
                await self._search(nameplate)
                if len(self.all) > before:
                    continue
            self._judge(refusals)
            waits = [refusal.retry_ms / 1000 for refusal in refusals if refusal.code is Code.NOT_YET]
            if not waits or asyncio.get_running_loop().time() >= until:
                raise NoSuchRoom(self._nobody(nameplate))
            await asyncio.sleep(min(max(min(waits), 0.1), 0.5))

    async def _ask_all(self, nameplate: int) -> tuple[list[list[tuple[object, bytes]]], list[Refusal]]:
        points = self.up()
        answers = await asyncio.gather(*(point.lookup(nameplate) for point in points), return_exceptions=True)
        groups: list[list[tuple[object, bytes]]] = []
        refusals: list[Refusal] = []
        for point, answer in zip(points, answers, strict=True):
            if isinstance(answer, Refusal):
                refusals.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                groups += [[(point, mailbox) for mailbox in group] for group in answer.groups if group]
        return groups, refusals

    def _judge(self, refusals: list[Refusal]) -> None:
        rates = [refusal for refusal in refusals if refusal.code is Code.RATE]
        if rates and len(rates) == len(refusals):
            seconds = max(1, rates[0].retry_ms // 1000)
            raise Rejected(f"too many look-ups from this address; try again in {seconds} s")
        if self.named and refusals and all(refusal.code is Code.CLOSING for refusal in refusals):
            raise Unreachable(f"the discovery service went away: {refusals[0].text}")

    def _nobody(self, nameplate: int) -> str:
        where = "there" if self.named else "on this machine" + (" or its network" if self._wish.lan else "")
        why = f" ({self.lan_trouble}: try --discovery HOST, with a member's machine)" if self.lan_trouble else ""
        if doubt := next((self.trouble[each] for each in self._distrusted if each in self.trouble), ""):
            why = f" ({doubt})"
        return (
            f"no such room: nobody is in room {nameplate} {where}{why}. Check the number, or whether --discovery is "
            "the same as theirs; to open the room yourself: sandpiper peer --room CODE"
        )

    async def claim_fresh(self, nameplate: int, registration: SigningKey, blob: bytes) -> Leased:
        """A nameplate that is free at every service that can be reached; 0 for any. Raises Refusal: TAKEN, ..."""
        tries = DISCOVERY_TRIES if nameplate == 0 else 1
        for last in range(tries - 1, -1, -1):
            points = self.up()
            if not points:
                raise Refusal(Code.CLOSING, "no discovery service can be reached")
            first = await points[0].claim(nameplate, registration, blob, fresh=True)
            try:
                for point in points[1:]:
                    await point.claim(first.nameplate, registration, blob, fresh=True)
            except Refusal as refusal:
                for point in points:
                    point.release()
                if refusal.code is not Code.TAKEN or not last:
                    raise
                continue
            self._lease = _Lease(first.nameplate, registration, blob)
            self._moved.set()
            await self._advertise()
            return first
        raise AssertionError("unreachable")

    async def lease(self, nameplate: int, registration: SigningKey, blob: bytes) -> None:
        """Joins the room's group at every service, at once or as soon as it can be. Raises Refusal when all refuse."""
        self._lease = _Lease(nameplate, registration, blob)
        self._moved.set()
        for point in self.all:
            if not point.up:
                self._want_at(point)
        refusals = [each for point in self.up() if (each := await self._claim_at(point)) is not None]
        passing = any(refusal.code in (Code.CLOSING, Code.RATE) for refusal in refusals)
        if refusals and not passing and len(refusals) == len(self.up()):
            raise refusals[0]

    async def _claim_at(self, point: Rendezvous) -> Refusal | None:
        lease = self._lease
        if lease is None:
            return None
        try:
            await point.claim(lease.nameplate, lease.registration, lease.blob, fresh=False)
        except Refusal as refusal:
            self.trouble[point.address] = refusal.text
            self._want_at(point)
            return refusal
        return None

    def _want_at(self, point: Rendezvous) -> None:
        """A service that has just gone, or is busy, is no reason to have no lease there for ever."""
        if self._lease is not None:
            point.want(self._lease.nameplate, self._lease.registration, self._lease.blob)

    def update(self, blob: bytes) -> None:
        """Our card is this from now on."""
        if self._lease is not None:
            self._lease = _Lease(self._lease.nameplate, self._lease.registration, blob)
            for point in self.all:
                point.update(blob)

    def rotate(self, registration: SigningKey, blob: bytes) -> None:
        """The group has another key."""
        if self._lease is not None:
            self._lease = _Lease(self._lease.nameplate, registration, blob)
            for point in self.all:
                point.set_registration(registration, blob)

    async def close(self) -> None:
        """Gives everything up."""
        await end(self._task)
        endings: list[Awaitable[None]] = [point.close() for point in self.all]
        if self._lan is not None:
            endings.append(self._lan.close())
        await asyncio.gather(*endings, return_exceptions=True)
        if self._embedded is not None:
            await self._embedded.close()


async def _answers(place: str) -> bool:
    """Whether anything listens there."""
    host, port = parted(place)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), FIND_PROBE_S)
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _port_of(point: Rendezvous) -> int:
    return int(parted(point.address)[1])
