"""The ways: by mesh or by relay, how a session's packets reach the others, and theirs us."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import zmq

from sandpiper.common.errors import UsageError
from sandpiper.common.host_port import parted
from sandpiper.common.io.addresses import by_wire, candidates
from sandpiper.common.io.sockets import CurveKeys
from sandpiper.common.limits import CUT_AFTER_S, GONE_S, MESH_ADDRESSES, RELAY_AFTER_S
from sandpiper.common.p2p.sealing import topic
from sandpiper.common.rendezvous import BrokerAt
from sandpiper.common.target import is_loopback, parse_listen
from sandpiper.peer.p2p.member import Member
from sandpiper.peer.p2p.mesh.mesh import Candidate, Link, Mesh, MeshHeard
from sandpiper.peer.p2p.relay.pool import Relays
from sandpiper.peer.p2p.state.options import PeerOptions
from sandpiper.peer.p2p.state.outputs import Out
from sandpiper.peer.p2p.state.peer import NEVER, Peer, State

_LOCAL: Final = ["127.0.0.1"]
_EVERYWHERE: Final = ["0.0.0.0", "::"]  # noqa: S104  # whoever is not on the roster is refused by ZAP


@dataclass(frozen=True, slots=True)
class WaysHeard:
    """Whom the ways call: with packets (and whose connection they came by), and when something has moved."""

    meshed: Callable[[list[bytes], bytes | None], None]
    relayed: Callable[[bytes], None]
    heard_by_more: Callable[[bytes | None], None]
    relays_moved: Callable[[], None]
    lines_moved: Callable[[], None]


class Ways:
    """One session's. `member` gives the pure half once there is one."""

    def __init__(
        self,
        ctx: zmq.Context[Any],
        curve: CurveKeys,
        wish: PeerOptions,
        member: Callable[[], Member | None],
        heard: WaysHeard,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._wish = wish
        self._member = member
        self._heard = heard
        self._mesh = Mesh(
            self._loop,
            ctx,
            curve,
            self._admits,
            MeshHeard(heard.meshed, self._line_moved, self._subscribed, self._deserted),
        )
        self._relays = Relays(ctx, wish.profile, heard.relayed, heard.relays_moved, self._at_relay, local=wish.local)
        self._doors = (0, 0)
        self._refused: set[str] = set()
        self._cutting: asyncio.TimerHandle | None = None
        self._outward: set[bytes] = set()
        self.hosts: list[str] = []

    def bind(self) -> None:
        """Opens our doors. Raises SandpiperError."""
        wish = self._wish
        for address in wish.advertise:
            try:
                ipaddress.ip_address(address)
            except ValueError:
                raise UsageError(f"--advertise {address}: an IP address, as others reach this machine") from None
        if wish.path == "relay":
            return
        hosts, port = _LOCAL if wish.local else _EVERYWHERE, None
        if wish.listen is not None:
            host, port = parse_listen(wish.listen)
            hosts = [host]
        doors = self._mesh.bind(hosts, port)
        self._doors = (doors.pub, doors.sub)

    def card(self) -> dict[str, Any]:
        """What one's card says of them."""
        return {"hosts": self.hosts, "pub": self._doors[0], "sub": self._doors[1], "relays": self._relays.addresses}

    @property
    def relays(self) -> dict[str, bytes]:
        """By which relays we are reached: broker → address."""
        return self._relays.addresses

    def look(self, observed: list[str]) -> bool:
        """Our addresses as they are now, and as discovery services see them; whether that is something new."""
        if self._doors == (0, 0):
            return False
        wish = self._wish
        listen = [] if wish.listen is None else [parse_listen(wish.listen)[0]]
        known = [host for host in listen if host not in _EVERYWHERE]
        seen = [] if wish.local else [host.partition("%")[0] for host in observed]
        hosts = list(dict.fromkeys([*wish.advertise, *(known or candidates(wish.local)), *seen]))[:MESH_ADDRESSES]
        gone = set(self.hosts) - set(hosts)
        changed, self.hosts = hosts != self.hosts, hosts
        if changed:
            self._mesh.hurry(gone)
            member = self._member()
            if member is not None:
                member.presence.seek_again()
        return changed

    def enter(self, member: Member) -> None:
        """Inside: hears what goes to the room and to us."""
        room = member.keyring.room
        self._mesh.subscribe([topic(room), topic(room, member.session)])

    def use_relays(self, member: Member, announced: list[BrokerAt]) -> None:
        """The brokers that were named, else those that a discovery service announces."""
        wish = self._wish
        if wish.path == "direct":
            return
        self._relays.attach(member.keyring.epoch.relay_seed)
        for broker in wish.broker:
            self._relays.use(broker, wish.access_code, pin=True)
        if not wish.broker:
            for each in announced:
                self._relays.use(each.address, each.access_code, pin=False)

    def new_epoch(self, member: Member, *, cut: bool) -> None:
        """Another tag; and with `cut` every accepted connection is made anew, once the news has left."""
        if self._wish.path != "direct":
            self._relays.attach(member.keyring.epoch.relay_seed)
        if cut and self._doors != (0, 0):
            self._cutting = self._loop.call_later(CUT_AFTER_S, self._mesh.rebind)

    async def close(self) -> None:
        """Ends all."""
        if self._cutting is not None:
            self._cutting.cancel()
        await self._relays.close()
        self._mesh.close()
        await self._mesh.ended()

    # Members -----------------------------------------------------------------------------------------------

    def reach(self, session: bytes) -> None:
        """Connects to a member as its card says."""
        member = self._member()
        peer = member.peers.get(session) if member is not None else None
        if peer is None or peer.card is None or self._wish.path == "relay" or not peer.card.pub:
            return
        card = peer.card
        hosts = [host for host in card.hosts if is_loopback(host)] if self._wish.local else by_wire(card.hosts)
        found = [Candidate(host, card.pub, card.sub) for host in hosts]
        sought = peer.state is State.GONE
        self._mesh.reach(peer.keys.curve, found, outward=session in self._outward, sought=sought)

    def drop(self, session: bytes, curve: bytes) -> None:
        """Somebody is away, or no member any more."""
        self._outward.discard(session)
        self._mesh.drop(curve)

    def bring(self, member: Member) -> None:
        """Whoever we hear but does not hear us cannot reach us: to it we bring what we publish.

        One that has come to our door can; it may be slow to say so.
        """
        now = time.monotonic()
        for session, peer in member.peers.items():
            patience = RELAY_AFTER_S if peer.subscribed_at == NEVER else GONE_S
            silent = now - max(peer.known_at, peer.subscribed_at, peer.hears_us_at) > patience
            unheard = peer.here and peer.link_up and not peer.reached(now) and silent
            if unheard and session not in self._outward:
                self._outward.add(session)
                self.reach(session)

    def address(self, curve: bytes) -> str | None:
        """The host that our line to a member leads to."""
        link = self.links().get(curve)
        return parted(link.address)[0] if link is not None and link.address else None

    def links(self) -> dict[bytes, Link]:
        """Our lines, for `/path`."""
        return self._mesh.links()

    def refusals(self) -> list[str]:
        """Why the brokers that were named are no relays, each reason once."""
        found = [f"{broker} is no relay: {text}" for broker, text in self._relays.trouble.items()]
        fresh = [text for text in found if text not in self._refused] if self._wish.broker else []
        self._refused.update(fresh)
        return fresh

    def trouble(self, peer: Peer) -> str:
        """Why a member that the mesh does not reach is reached by no relay either."""
        if self._wish.path == "direct":
            return "relays are off (--path direct)"
        if not self._relays.up:
            return next(iter(self._relays.trouble.values()), "no relay is known: --broker names one")
        if peer.card is None or not self._relays.reaches(peer.card):
            return "it is at none of our relays"
        return ""

    # Packets -----------------------------------------------------------------------------------------------

    def send(self, member: Member, out: Out) -> None:
        """A packet: over the mesh; and by relay to those whom the mesh does not reach."""
        now = time.monotonic()
        room = member.keyring.room
        relay_only = self._wish.path == "relay"
        if out.to is None:
            if out.told is not None:
                peers = [peer for peer in out.told if relay_only or not peer.reached(now)]
            else:
                peers = [peer for peer in member.peers.values() if relay_only or peer.wants_relay(now)]
        else:
            peer = member.peers.get(out.to)
            if peer is None:
                return
            peers = [] if peer.reached(now) else [peer]
        if peers and self._relays.up:
            self._relays.send([peer.card for peer in peers if peer.card is not None], out.packet)
        if not relay_only:
            self._mesh.publish(topic(room, out.to or b""), out.packet)

    # What the mesh says ------------------------------------------------------------------------------------

    def _admits(self, curve: bytes) -> bool:
        member = self._member()
        return member is not None and member.presence.admits(curve)

    def _peer(self, curve: bytes) -> Peer | None:
        member = self._member()
        return member.presence.peer_of(curve) if member is not None else None

    def _line_moved(self, curve: bytes, up: bool, error: str) -> None:
        peer = self._peer(curve)
        if peer is not None:
            link = self.links().get(curve)
            peer.link_up, peer.error, peer.fitful = up, error, link is not None and link.fitful
            peer.address = self.address(curve) or peer.address
            if not up:
                peer.lost_link()
            self._heard.lines_moved()

    def _deserted(self, curve: bytes) -> None:
        peer = self._peer(curve)
        if peer is not None:
            peer.deserted = True

    def _at_relay(self, address: bytes) -> None:
        member = self._member()
        if member is not None:
            member.presence.at_relay(address)

    def _subscribed(self, curve: bytes | None, name: bytes) -> None:
        member = self._member()
        if member is None:
            return
        room = member.keyring.room
        if curve is None:
            if name == topic(room):
                self._heard.heard_by_more(None)
            return
        peer = member.presence.knock(curve)
        if peer is not None and name == topic(room, peer.keys.session):
            peer.subscribed_at = time.monotonic()
            self._heard.heard_by_more(peer.keys.session)
