"""The transport: carries a session's packets to the others, and theirs to it, over the mesh or by a relay."""

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
from sandpiper.common.p2p.packets import Card
from sandpiper.common.p2p.sealing import topic
from sandpiper.common.rendezvous import BrokerAt
from sandpiper.common.target import is_loopback, parse_listen
from sandpiper.peer.p2p.mesh.guarded_links import GuardedLinks
from sandpiper.peer.p2p.mesh.mesh import Candidate, Mesh, MeshCallbacks
from sandpiper.peer.p2p.presence.presence import Presence
from sandpiper.peer.p2p.presence.routes import interleaved
from sandpiper.peer.p2p.relay.pool import RelayPool
from sandpiper.peer.p2p.rendezvous.plausible import believed
from sandpiper.peer.p2p.state.keyring import Keyring
from sandpiper.peer.p2p.state.link import Link
from sandpiper.peer.p2p.state.options import PeerOptions
from sandpiper.peer.p2p.state.outputs import OutgoingPacket
from sandpiper.peer.p2p.state.peer import NEVER, Peer, PeerState
from sandpiper.peer.profile import Profile

_LOCAL: Final = ["127.0.0.1"]
_EVERYWHERE: Final = ["0.0.0.0", "::"]  # noqa: S104  # ZAP refuses who is not on the roster


@dataclass(frozen=True, slots=True)
class TransportCallbacks:
    """The callbacks of a transport: for packets (and whose connection they came by), and when something has moved."""

    meshed: Callable[[list[bytes], bytes | None], None]
    relayed: Callable[[bytes], None]
    heard_by: Callable[[bytes | None], None]
    relays_moved: Callable[[], None]
    links_moved: Callable[[], None]


class Transport:
    """Sends and receives by mesh and by relay. Nobody is admitted, and nobody reached, before `attach`."""

    def __init__(
        self,
        ctx: zmq.Context[Any],
        curve: CurveKeys,
        options: PeerOptions,
        profile: Profile,
        callbacks: TransportCallbacks,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._options = options
        self._callbacks = callbacks
        self._presence: Presence | None = None
        self._keyring: Keyring | None = None
        self._mesh = Mesh(
            self._loop,
            ctx,
            curve,
            self._admits,
            MeshCallbacks(callbacks.meshed, self._link_moved, self._subscribed, self._deserted),
        )
        self._relays = RelayPool(
            ctx,
            profile,
            callbacks.relayed,
            callbacks.relays_moved,
            self._at_relay,
            local=options.local,
            guard=self._mesh.services,
        )
        self._ports = (0, 0)
        self._refused: set[str] = set()
        self._cutting: asyncio.TimerHandle | None = None
        self._outward: set[bytes] = set()
        self.hosts: list[str] = []

    @property
    def guard(self) -> GuardedLinks:
        """The connections to services that are cut if they send without end."""
        return self._mesh.services

    def bind(self) -> None:
        """Listens for the others' connections. Raises SandpiperError."""
        options = self._options
        for address in options.advertise:
            try:
                ipaddress.ip_address(address)
            except ValueError:
                raise UsageError(f"--advertise {address}: an IP address, as others reach this machine") from None
        if options.path == "relay":
            return
        hosts, port = _LOCAL if options.local else _EVERYWHERE, None
        if options.listen is not None:
            host, port = parse_listen(options.listen)
            hosts = [host]
        bound = self._mesh.bind(hosts, port)
        self._ports = (bound.pub, bound.sub)

    def card(self) -> dict[str, Any]:
        """The part of the member's card that says how it is reached."""
        return {"hosts": self.hosts, "pub": self._ports[0], "sub": self._ports[1], "relays": self._relays.addresses}

    @property
    def relays(self) -> dict[str, bytes]:
        """The relays by which we are reached: broker → address."""
        return self._relays.addresses

    def update_hosts(self, observed: list[tuple[str, str]]) -> bool:
        """Takes our addresses as they are now, and as services (by host) see them; whether any has changed."""
        if self._ports == (0, 0):
            return False
        options = self._options
        listen = [] if options.listen is None else [parse_listen(options.listen)[0]]
        known = [host for host in listen if host not in _EVERYWHERE]
        own = candidates(options.local)
        seen = [] if options.local else believed(observed, own)
        hosts = list(dict.fromkeys([*options.advertise, *(known or own), *seen]))[:MESH_ADDRESSES]
        gone = set(self.hosts) - set(hosts)
        changed, self.hosts = hosts != self.hosts, hosts
        if changed:
            self._mesh.retry_now(gone)
            if self._presence is not None:
                self._presence.seek_again()
        return changed

    def attach(self, presence: Presence, keyring: Keyring) -> None:
        """Works for this member from now on."""
        self._presence, self._keyring = presence, keyring

    def detach(self) -> None:
        """Works for nobody: the room was not to be had."""
        self._presence = self._keyring = None

    @property
    def _peers(self) -> dict[bytes, Peer]:
        return self._presence.peers if self._presence is not None else {}

    def subscribe(self) -> None:
        """Hears what goes to the room and to this session."""
        assert self._keyring is not None
        room = self._keyring.room
        self._mesh.subscribe([topic(room), topic(room, self._keyring.session)])

    def use_relays(self, announced: list[tuple[str, list[BrokerAt]]]) -> None:
        """Uses the brokers that were named, else some of those that discovery services (by host) announce."""
        options = self._options
        if options.path == "direct":
            return
        assert self._keyring is not None
        self._relays.attach(self._keyring.epoch.relay_seed)
        for broker in options.broker:
            self._relays.use(broker, options.access_code)
        if not options.broker:
            self._relays.announce(announced)

    def change_epoch(self, *, cut: bool) -> None:
        """Uses the new epoch's tag; with `cut`, has every accepted connection made anew, once the news has left."""
        assert self._keyring is not None
        if self._options.path != "direct":
            self._relays.attach(self._keyring.epoch.relay_seed)
        if cut and self._ports != (0, 0):
            self._cutting = self._loop.call_later(CUT_AFTER_S, self._mesh.rebind)

    async def close(self) -> None:
        """Closes every connection."""
        if self._cutting is not None:
            self._cutting.cancel()
        await self._relays.close()
        self._mesh.close()
        await self._mesh.ended()

    # Members -----------------------------------------------------------------------------------------------

    def reach(self, session: bytes) -> None:
        """Connects to a member as its card says."""
        peer = self._peers.get(session)
        if self._presence is None or peer is None or self._options.path == "relay":
            return
        curve = peer.keys.curve
        sharing = self._presence.sharing(curve)
        cards = [each.card for each in sharing if each.card is not None and each.card.pub]
        if not cards:
            return
        found = interleaved([self._candidates(card) for card in cards])
        sought = all(each.state is PeerState.GONE for each in sharing)
        outward = any(each.keys.session in self._outward for each in sharing)
        self._mesh.reach(curve, found, outward=outward, sought=sought)
        for each in sharing:
            each.link_up = self._mesh.is_connected(curve)

    def _candidates(self, card: Card) -> list[Candidate]:
        hosts = [host for host in card.hosts if is_loopback(host)] if self._options.local else by_wire(card.hosts)
        return [Candidate(host, card.pub, card.sub) for host in hosts]

    def drop(self, session: bytes, curve: bytes) -> None:
        """Closes our connections to a session that is away, or no member any more."""
        self._outward.discard(session)
        self._mesh.drop(curve)

    def connect_outward(self) -> None:
        """Opens an outward connection, for what we publish, to peers that we hear but that cannot reach us.

        A peer that has connected to us can; it may be slow to say so.
        """
        now = time.monotonic()
        for session, peer in self._peers.items():
            patience = RELAY_AFTER_S if peer.subscribed_at == NEVER else GONE_S
            silent = now - max(peer.known_at, peer.subscribed_at, peer.hears_us_at) > patience
            unheard = peer.here and peer.link_up and not peer.reached(now) and silent
            if unheard and session not in self._outward:
                self._outward.add(session)
                self.reach(session)

    def address(self, curve: bytes) -> str | None:
        """The host that our connection to a member leads to."""
        link = self.links().get(curve)
        return parted(link.address)[0] if link is not None and link.address else None

    def links(self) -> dict[bytes, Link]:
        """How each peer is connected, for `/path`."""
        return self._mesh.links()

    def refusals(self) -> list[str]:
        """Why the brokers that were named are no relays, each reason once."""
        found = [f"{broker} is no relay: {text}" for broker, text in self._relays.trouble.items()]
        fresh = [text for text in found if text not in self._refused] if self._options.broker else []
        self._refused.update(fresh)
        return fresh

    def trouble(self, peer: Peer) -> str:
        """Why a member that the mesh does not reach is reached by no relay either."""
        if self._options.path == "direct":
            return "relays are off (--path direct)"
        if not self._relays.up:
            return next(iter(self._relays.trouble.values()), "no relay is known: --broker names one")
        if peer.card is None or not self._relays.reaches(peer.card):
            return "it is at none of our relays"
        return ""

    # Packets -----------------------------------------------------------------------------------------------

    def send(self, out: OutgoingPacket) -> None:
        """Sends a packet over the mesh, and by relay to those whom the mesh does not reach."""
        assert self._keyring is not None
        if out.to is not None and out.to not in self._peers:
            return
        relay_only = self._options.path == "relay"
        if self._relays.links:
            self._send_by_relay(out, relay_only=relay_only)
        if not relay_only:
            self._mesh.publish(topic(self._keyring.room, out.to or b""), out.packet)

    def _send_by_relay(self, out: OutgoingPacket, *, relay_only: bool) -> None:
        now = time.monotonic()
        if out.to is not None:
            peers = [peer for peer in (self._peers[out.to],) if not peer.reached(now)]
        elif out.recipients is not None:
            peers = [peer for peer in out.recipients if relay_only or not peer.reached(now)]
        else:
            peers = [peer for peer in self._peers.values() if relay_only or peer.wants_relay(now)]
        if peers and self._relays.up:
            self._relays.send([peer.card for peer in peers if peer.card is not None], out.packet)

    # What the mesh says ------------------------------------------------------------------------------------

    def _admits(self, curve: bytes) -> bool:
        return self._presence is not None and self._presence.admits(curve)

    def _peer(self, curve: bytes) -> Peer | None:
        return self._presence.peer_of(curve) if self._presence is not None else None

    def _link_moved(self, curve: bytes, up: bool, error: str) -> None:
        peer = self._peer(curve)
        if peer is not None:
            link = self.links().get(curve)
            peer.link_up, peer.error, peer.fitful = up, error, link is not None and link.fitful
            peer.address = self.address(curve) or peer.address
            if not up:
                peer.lost_link()
            self._callbacks.links_moved()

    def _deserted(self, curve: bytes) -> None:
        peer = self._peer(curve)
        if peer is not None:
            peer.deserted = True

    def _at_relay(self, address: bytes) -> None:
        if self._presence is not None:
            self._presence.at_relay(address)

    def _subscribed(self, curve: bytes | None, name: bytes) -> None:
        if self._presence is None or self._keyring is None:
            return
        room = self._keyring.room
        if curve is None:
            if name == topic(room):
                self._callbacks.heard_by(None)
            return
        peer = self._presence.connected(curve)
        if peer is not None and name == topic(room, peer.keys.session):
            peer.subscribed_at = time.monotonic()
            self._callbacks.heard_by(peer.keys.session)
