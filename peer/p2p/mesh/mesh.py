"""The mesh: a member's own publications, and a connection to everybody else's.

The PUB side is a CURVE server under ZAP, to which others connect to hear us. A member that nobody can reach connects
outward: its SUBs as always, and for what it publishes a socket of its own per peer, a CURVE *client* of that peer's
second port, a bound SUB that is a CURVE server under ZAP likewise. Both ends prove their keys in either direction. (A
bound SUB as CURVE client, so that the PUB side is always the server, could hold one server's key only.)

One XPUB can bind as a server and connect as a client: libzmq copies the options when an endpoint is made, tried with
4.3.5. It is not done so: the ports are bound again in the middle of a session, and an XPUB whose options were at that
moment a client's would listen without asking anybody for a key. Also a refused connection is to be thrown away with
its socket, which one shared by all could not be.

A SUB per peer: so it is certain who speaks, each has a queue limit of its own, and each can be thrown away.

Since every refused socket is thrown away, ZAP answers 400 here, not 300: the other end is told at once and why.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import zmq

from sandpiper.common.io.connection_events import ActivityWatch
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.sockets import CurveKeys, copy_received, fleeting
from sandpiper.common.io.tasks import end
from sandpiper.common.io.zap import Zap
from sandpiper.common.limits import FRAME_BYTES, MESH_GUARD_S, MESH_HWM, TOPIC_BYTES
from sandpiper.peer.p2p.mesh.connection import Address, Connection
from sandpiper.peer.p2p.mesh.dialer import PeerDialer
from sandpiper.peer.p2p.mesh.flood_guard import FloodGuard, Flow
from sandpiper.peer.p2p.mesh.guarded_links import GuardedLinks
from sandpiper.peer.p2p.mesh.listeners import DOMAIN, Listeners
from sandpiper.peer.p2p.mesh.ports import MeshPorts
from sandpiper.peer.p2p.state.link import Link

_SUBSCRIBE, _UNSUBSCRIBE = 1, 0


class Candidate(NamedTuple):
    """An address of a peer, and its two ports there."""

    host: str
    pub: int
    sub: int


@dataclass(frozen=True, slots=True)
class MeshCallbacks:
    """The callbacks of a mesh. A peer is named by its CURVE key.

    `received` gets packets that came from one peer (None: it is not known which); `state` whether our connection to a
    peer stands, with the reason if not; `subscribed` the topic that a peer hears from now on; `deserted` a peer that
    was sought and is no more where it was.
    """

    received: Callable[[list[bytes], bytes | None], None]
    state: Callable[[bytes, bool, str], None]
    subscribed: Callable[[bytes | None, bytes], None]
    deserted: Callable[[bytes], None] = lambda key: None


@dataclass(slots=True)
class _Peer:
    """Our ends of the connections with one peer."""

    incoming: PeerDialer
    outgoing: PeerDialer | None = None
    held: bool = False
    wanted: set[bytes] = field(default_factory=set)


class Mesh:
    """Connects a member with its peers. Made on its loop, with a context of its own; calls `callbacks` on it too."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys,
        admits: Callable[[bytes], bool],
        callbacks: MeshCallbacks,
    ) -> None:
        self._loop = loop
        self._ctx = ctx
        self._keys = keys
        self._admits = admits
        self._callbacks = callbacks
        self._topics: set[bytes] = set()
        self._peers: dict[bytes, _Peer] = {}
        self._seeking: set[asyncio.Task[None]] = set()
        self._held = False
        self._closed = False
        self._malformed = 0
        self._cut = 0
        copy_received(ctx)
        self._arrivals: ActivityWatch | None = None
        with ExitStack() as undo:
            self._zap = undo.enter_context(closing(Zap(loop, ctx, {DOMAIN: self._admit}, final=True)))
            if sys.platform == "linux":
                self._arrivals = undo.enter_context(closing(ActivityWatch(loop, MESH_GUARD_S, self._check_floods)))
            self._listeners = Listeners(
                loop, ctx, keys, callbacks.received, callbacks.subscribed, Descriptors(), accepted=self._guarded
            )
            undo.pop_all()
        self._guard = FloodGuard(self._flows)
        self.services = GuardedLinks()
        self.services.watch = self._guarded

    # Our side ----------------------------------------------------------------------------------------------

    @property
    def refused(self) -> int:
        """Connections that ZAP refused."""
        return self._zap.refused

    @property
    def malformed(self) -> int:
        """Frames that were none of ours, and passed over."""
        return self._malformed + self._listeners.malformed

    @property
    def cut(self) -> int:
        """Connections cut for subscribing or sending without end."""
        return self._cut + self._listeners.cut

    def bind(self, hosts: Sequence[str], port: int | None = None) -> MeshPorts:
        """Listens at two ports of these hosts (`0.0.0.0` and `::` for all). Raises SandpiperError."""
        return self._listeners.bind(hosts, port)

    def rebind(self) -> None:
        """Cuts every connection that others have made; those still admitted are back in a moment."""
        self._listeners.rebind()

    def subscribe(self, topics: Iterable[bytes]) -> None:
        """Hears these topics of everybody. The new ones are asked for before the old ones are given up."""
        wanted = set(topics)
        if any(len(topic) != TOPIC_BYTES for topic in wanted):
            raise ValueError(f"a topic has {TOPIC_BYTES} bytes")
        self._topics = wanted
        self._listeners.subscribe_to(wanted)
        for peer in self._peers.values():
            if peer.incoming.connection is not None:
                peer.incoming.connection.subscribe_to(wanted)

    def publish(self, topic: bytes, packet: bytes) -> None:
        """Sends a packet to all who subscribe to the topic. One that is too far behind misses it."""
        frame = topic + packet
        if len(topic) != TOPIC_BYTES or len(frame) > FRAME_BYTES:
            raise ValueError(f"a topic has {TOPIC_BYTES} bytes, a frame at most {FRAME_BYTES}")
        if self._closed:
            return
        self._listeners.send(frame)
        for peer in self._peers.values():
            if peer.outgoing is not None and peer.outgoing.connection is not None:
                peer.outgoing.connection.send(frame)

    def subscribers(self, topic: bytes) -> int:
        """How many connections carry what goes to this topic."""
        return self._listeners.wanted(topic) + sum(topic in peer.wanted for peer in self._peers.values())

    def close(self) -> None:
        """Closes every connection at once; what is queued has MESH_LINGER_S to leave, while the context ends."""
        if self._closed:
            return
        self._closed = True
        for key in list(self._peers):
            self.drop(key)
        if self._arrivals is not None:
            self._arrivals.close()
        self._listeners.close()
        self._zap.close()

    async def ended(self) -> None:
        """Waits until nothing of it uses the context any more; to be called after `close`."""
        await end(*self._seeking)

    # The others --------------------------------------------------------------------------------------------

    def reach(
        self, key: bytes, candidates: Iterable[Candidate], *, outward: bool = False, sought: bool = False
    ) -> None:
        """Connects to a peer by the first address that works, and keeps connected; with other addresses it moves.

        `outward`: it cannot reach us, so we connect for what we publish as well. `sought`: it has fallen silent.
        """
        if self._closed or key == self._keys.public:
            return
        addresses = [each for each in candidates if not self._is_own(each)]
        peer = self._peers.get(key)
        if peer is None:
            peer = self._peers[key] = _Peer(
                PeerDialer(
                    self._loop,
                    partial(self._make_incoming, key),
                    partial(self._incoming_changed, key),
                    partial(self._callbacks.deserted, key),
                    tasks=self._seeking,
                ),
                held=self._held,
            )
        peer.incoming.set_addresses([Address(each.host, each.pub) for each in addresses])
        if outward and peer.outgoing is None:
            make, turned = partial(self._make_outgoing, key), partial(self._outgoing_changed, key)
            peer.outgoing = PeerDialer(self._loop, make, turned, tasks=self._seeking)
        elif not outward and peer.outgoing is not None:
            peer.outgoing.close()
            peer.outgoing = None
            peer.wanted.clear()
        peer.incoming.set_sought(sought)
        if peer.outgoing is not None:
            peer.outgoing.set_addresses([Address(each.host, each.sub) for each in addresses])
            peer.outgoing.set_sought(sought)

    def drop(self, key: bytes) -> None:
        """Closes our connections to a peer. Those it has made are cut by `rebind`."""
        peer = self._peers.pop(key, None)
        if peer is not None:
            peer.incoming.close()
            if peer.outgoing is not None:
                peer.outgoing.close()

    def retry_now(self, gone: Collection[str] = ()) -> None:
        """Dials at once where there is no connection, or one from an address in `gone`: the network has changed."""
        for peer in list(self._peers.values()):
            for dialer in (peer.incoming, peer.outgoing):
                if dialer is not None:
                    dialer.retry_now(gone)

    def pause(self, key: bytes | None, on: bool) -> None:
        """Stops reading, or goes on, from one peer or (None) all, the second port too."""
        for each, peer in self._peers.items():
            if key is None or each == key:
                peer.held = on
                if peer.incoming.connection is not None:
                    peer.incoming.connection.pause(on)
        if key is None:
            self._held = on
            self._listeners.pause(on)

    def is_connected(self, key: bytes) -> bool:
        """Whether our connection to a peer stands."""
        peer = self._peers.get(key)
        return peer is not None and peer.incoming.connection is not None

    def links(self) -> dict[bytes, Link]:
        """How each peer is connected at the moment."""
        return {key: self._link(peer) for key, peer in self._peers.items()}

    def _link(self, peer: _Peer) -> Link:
        connection, outgoing = peer.incoming.connection, peer.outgoing
        there = outgoing.connection if outgoing is not None else None
        return Link(
            address=str(connection.address) if connection is not None else None,
            rtt_ms=connection.rtt_ms if connection is not None else 0.0,
            error=peer.incoming.error,
            outward=str(there.address) if there is not None else None,
            outward_error=outgoing.error if outgoing is not None else "",
            fitful=peer.incoming.fitful,
        )

    def _is_own(self, candidate: Candidate) -> bool:
        doors = self._listeners.doors
        loopback = candidate.host == "::1" or candidate.host.startswith("127.")
        return loopback and doors is not None and candidate.pub == doors.pub

    # Connections -------------------------------------------------------------------------------------------

    def _make_incoming(self, key: bytes, address: Address) -> Connection:
        socket = fleeting(self._ctx, zmq.SUB, self._keys, key, MESH_HWM)
        connection = Connection(self._loop, socket, address, partial(self._published, key), self._guarded)
        connection.subscribe_to(self._topics)
        return connection

    def _make_outgoing(self, key: bytes, address: Address) -> Connection:
        socket = fleeting(self._ctx, zmq.XPUB, self._keys, key, MESH_HWM)
        return Connection(self._loop, socket, address, partial(self._asked_outward, key), self._guarded)

    def _incoming_changed(self, key: bytes) -> None:
        peer = self._peers.get(key)
        if peer is None:
            return
        connection = peer.incoming.connection
        if connection is not None:
            connection.subscribe_to(self._topics)  # they may have changed while it was being made
            connection.pause(peer.held)
        self._callbacks.state(key, connection is not None, peer.incoming.error)

    def _outgoing_changed(self, key: bytes) -> None:
        peer = self._peers.get(key)
        if peer is None:
            return
        if peer.outgoing is None or peer.outgoing.connection is None:
            peer.wanted.clear()
        for topic in list(peer.wanted):
            self._callbacks.subscribed(key, topic)

    # What comes in -----------------------------------------------------------------------------------------

    def _admit(self, key: bytes) -> bool:
        """Answers ZAP. A member that connects is awake: our own connection to it is worth another try."""
        admitted = self._admits(key)
        peer = self._peers.get(key)
        if admitted and peer is not None:
            self._loop.call_soon(peer.incoming.retry_paused)
            if peer.outgoing is not None:
                self._loop.call_soon(peer.outgoing.retry_paused)
        return admitted

    def _published(self, key: bytes, batch: list[list[zmq.Frame]]) -> None:
        packets = [frame[TOPIC_BYTES:] for (part,) in batch if len(frame := part.bytes) > TOPIC_BYTES]
        self._malformed += len(batch) - len(packets)
        if packets and key in self._peers:
            self._callbacks.received(packets, key)

    def _asked_outward(self, key: bytes, batch: list[list[zmq.Frame]]) -> None:
        """Takes what a peer subscribes to by our outward connection."""
        peer = self._peers.get(key)
        if peer is None:
            return
        for (part,) in batch:
            said = part.bytes
            if len(said) != 1 + TOPIC_BYTES or said[0] > _SUBSCRIBE:
                self._malformed += 1
            elif said[0] == _UNSUBSCRIBE:
                peer.wanted.discard(said[1:])
            else:
                peer.wanted.add(said[1:])
                # It may ask before the connection is known to stand: what is sent then does not go by it.
                if peer.outgoing is not None and peer.outgoing.connection is not None:
                    self._callbacks.subscribed(key, said[1:])

    # Who sends without end ---------------------------------------------------------------------------------

    def _guarded(self, fd: int) -> None:
        """Has the flood guard look at a connection by which somebody may send."""
        if self._arrivals is not None:
            self._arrivals.add(fd)

    def _flows(self) -> Iterator[Flow]:
        yield from self._listeners.flows()
        yield from self.services.flows()
        for peer in self._peers.values():
            connection = peer.incoming.connection
            if connection is not None:
                yield connection.flow

    def _check_floods(self) -> float | None:
        found = self._guard.check()
        self.services.cut(found)
        for fd in found:
            self._listeners.shut(fd)
        for peer in list(self._peers.values()) if found else ():
            connection = peer.incoming.connection
            if connection is not None and connection.fd in found:
                self._cut += 1
                connection.fail("cut: it sends without end")
        return self._loop.time() + MESH_GUARD_S if self._guard.suspects else None
