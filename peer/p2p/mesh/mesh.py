"""The mesh: a member's own publications, and a line to everybody else's.

The PUB side is a CURVE server under ZAP at the door where others connect to hear us. Somebody whom nobody can reach
connects outward: its SUBs as always, and for what it publishes a socket of its own per peer, a CURVE *client* of that
peer's second door, a bound SUB that is a CURVE server under ZAP likewise. Both ends prove their keys in either
direction. (A bound SUB as CURVE client, so that the PUB side is always the server, could hold one server's key only.)

One XPUB can bind as a server and connect as a client: libzmq copies the options when an endpoint is made, tried with
4.3.5. It is not done so: the doors are bound again in the middle of a session, and an XPUB whose options were at
that moment a client's would open a door that asks nobody for a key. Also a refused line is to be thrown away with its
socket, which one shared by all could not be.

A SUB per peer: so it is certain who speaks, each has a queue limit of its own, and each can be thrown away.

Since every refused socket is thrown away, ZAP answers 400 here, not 300: the other end is told at once and why.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
from sandpiper.peer.p2p.mesh.connection import Address, Line
from sandpiper.peer.p2p.mesh.dialer import Route
from sandpiper.peer.p2p.mesh.flood_guard import Flow, Guard
from sandpiper.peer.p2p.mesh.listeners import DOMAIN, Doorway
from sandpiper.peer.p2p.mesh.ports import Doors

_SUBSCRIBE, _UNSUBSCRIBE = 1, 0


class Candidate(NamedTuple):
    """One address of a peer, and its doors' ports there."""

    host: str
    pub: int
    sub: int


@dataclass(frozen=True, slots=True)
class MeshHeard:
    """Whom the mesh calls. A peer is its CURVE key.

    `received` gets packets that came from one peer (None: it cannot be told which); `state` hears that our line to a
    peer stands or not, with the reason; `subscribed` that a peer will from now on hear what goes to a topic; `deserted`
    that one which was sought is no more where it was.
    """

    received: Callable[[list[bytes], bytes | None], None]
    state: Callable[[bytes, bool, str], None]
    subscribed: Callable[[bytes | None, bytes], None]
    deserted: Callable[[bytes], None] = lambda key: None


class Link(NamedTuple):
    """One peer, for people: the address its line uses, the TCP round trip, or why there is none.

    `outward` is where our publications are brought to, for somebody who cannot be reached. `fitful`: its lines do not
    last.
    """

    address: str | None
    rtt_ms: float
    error: str
    outward: str | None
    outward_error: str
    fitful: bool = False


@dataclass(slots=True)
class _Peer:
    """Our ends of the connections with one peer."""

    hears: Route
    speaks: Route | None = None
    held: bool = False
    wanted: set[bytes] = field(default_factory=set)


class Mesh:
    """To be made on its loop, with a context of its own. What is handed to `heard` comes on the loop too."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys,
        admits: Callable[[bytes], bool],
        heard: MeshHeard,
    ) -> None:
        self._loop = loop
        self._ctx = ctx
        self._keys = keys
        self._admits = admits
        self._heard = heard
        self._topics: set[bytes] = set()
        self._peers: dict[bytes, _Peer] = {}
        self._seeking: set[asyncio.Task[None]] = set()
        self._held = False
        self._closed = False
        self._malformed = 0
        self._cut = 0
        copy_received(ctx)
        self._zap = Zap(loop, ctx, {DOMAIN: self._judge}, final=True)
        self._arrivals = ActivityWatch(loop, MESH_GUARD_S, self._look) if sys.platform == "linux" else None
        self._doorway = Doorway(
            loop, ctx, keys, heard.received, heard.subscribed, Descriptors(), accepted=self._guarded
        )
        self._guard = Guard(self._flows)

    # Our side ----------------------------------------------------------------------------------------------

    @property
    def refused(self) -> int:
        """Connections that ZAP refused."""
        return self._zap.refused

    @property
    def malformed(self) -> int:
        """Frames that were none of ours, and passed over."""
        return self._malformed + self._doorway.malformed

    @property
    def cut(self) -> int:
        """Connections cut for subscribing or sending without end."""
        return self._cut + self._doorway.cut

    def bind(self, hosts: Sequence[str], port: int | None = None) -> Doors:
        """Opens both doors at these hosts (`0.0.0.0` and `::` for all). Raises SandpiperError."""
        return self._doorway.bind(hosts, port)

    def rebind(self) -> None:
        """Cuts every connection that others have made; those still admitted are back in a moment."""
        self._doorway.rebind()

    def subscribe(self, topics: Iterable[bytes]) -> None:
        """What to hear, from everybody. The new ones are asked for before the old ones are given up."""
        wanted = set(topics)
        if any(len(topic) != TOPIC_BYTES for topic in wanted):
            raise ValueError(f"a topic has {TOPIC_BYTES} bytes")
        self._topics = wanted
        self._doorway.tune(wanted)
        for peer in self._peers.values():
            if peer.hears.line is not None:
                peer.hears.line.tune(wanted)

    def publish(self, topic: bytes, packet: bytes) -> None:
        """To whoever subscribes to the topic. One that is too far behind misses it."""
        frame = topic + packet
        if len(topic) != TOPIC_BYTES or len(frame) > FRAME_BYTES:
            raise ValueError(f"a topic has {TOPIC_BYTES} bytes, a frame at most {FRAME_BYTES}")
        if self._closed:
            return
        self._doorway.send(frame)
        for peer in self._peers.values():
            if peer.speaks is not None and peer.speaks.line is not None:
                peer.speaks.line.send(frame)

    def subscribers(self, topic: bytes) -> int:
        """How many connections carry what goes to this topic."""
        return self._doorway.wanted(topic) + sum(topic in peer.wanted for peer in self._peers.values())

    def close(self) -> None:
        """Ends it all at once; what is queued has MESH_LINGER_S to leave, while the context ends."""
        if self._closed:
            return
        self._closed = True
        for key in list(self._peers):
            self.drop(key)
        if self._arrivals is not None:
            self._arrivals.close()
        self._doorway.close()
        self._zap.close()

    async def ended(self) -> None:
        """Returns when nothing of it uses the context any more; once it has been closed."""
        await end(*self._seeking)

    # The others --------------------------------------------------------------------------------------------

    def reach(
        self, key: bytes, candidates: Iterable[Candidate], *, outward: bool = False, sought: bool = False
    ) -> None:
        """Connects to a peer by the first address that works, and keeps connected; with other addresses it moves.

        `outward`: nobody can reach us, so what we publish is brought there as well. `sought`: it has fallen silent.
        """
        if self._closed or key == self._keys.public:
            return
        addresses = [each for each in candidates if not self._is_own(each)]
        peer = self._peers.get(key)
        if peer is None:
            peer = self._peers[key] = _Peer(
                Route(
                    self._loop,
                    partial(self._hear, key),
                    partial(self._turned, key),
                    partial(self._heard.deserted, key),
                    tasks=self._seeking,
                ),
                held=self._held,
            )
        peer.hears.aim([Address(each.host, each.pub) for each in addresses])
        if outward and peer.speaks is None:
            speak, turned = partial(self._speak, key), partial(self._turned_outward, key)
            peer.speaks = Route(self._loop, speak, turned, tasks=self._seeking)
        elif not outward and peer.speaks is not None:
            peer.speaks.close()
            peer.speaks = None
            peer.wanted.clear()
        peer.hears.seek(sought)
        if peer.speaks is not None:
            peer.speaks.aim([Address(each.host, each.sub) for each in addresses])
            peer.speaks.seek(sought)

    def drop(self, key: bytes) -> None:
        """Lets a peer go: our connections to it. Those it has made are cut by `rebind`."""
        peer = self._peers.pop(key, None)
        if peer is not None:
            peer.hears.close()
            if peer.speaks is not None:
                peer.speaks.close()

    def hurry(self, gone: Collection[str] = ()) -> None:
        """The network may have changed: tries at once where there is no line, or one from an address that is gone."""
        for peer in list(self._peers.values()):
            for route in (peer.hears, peer.speaks):
                if route is not None:
                    route.hurry(gone)

    def hold(self, key: bytes | None, on: bool) -> None:
        """Whether to read no further for now, from one peer or (None) all, the second door too."""
        for each, peer in self._peers.items():
            if key is None or each == key:
                peer.held = on
                if peer.hears.line is not None:
                    peer.hears.line.hold(on)
        if key is None:
            self._held = on
            self._doorway.hold(on)

    def links(self) -> dict[bytes, Link]:
        """How each peer is connected at the moment."""
        return {key: self._link(peer) for key, peer in self._peers.items()}

    def _link(self, peer: _Peer) -> Link:
        line, speaks = peer.hears.line, peer.speaks
        there = speaks.line if speaks is not None else None
        return Link(
            address=str(line.address) if line is not None else None,
            rtt_ms=line.rtt_ms if line is not None else 0.0,
            error=peer.hears.error,
            outward=str(there.address) if there is not None else None,
            outward_error=speaks.error if speaks is not None else "",
            fitful=peer.hears.fitful,
        )

    def _is_own(self, candidate: Candidate) -> bool:
        doors = self._doorway.doors
        loopback = candidate.host == "::1" or candidate.host.startswith("127.")
        return loopback and doors is not None and candidate.pub == doors.pub

    # Lines -------------------------------------------------------------------------------------------------

    def _hear(self, key: bytes, address: Address) -> Line:
        socket = fleeting(self._ctx, zmq.SUB, self._keys, key, MESH_HWM)
        line = Line(self._loop, socket, address, partial(self._published, key), self._guarded)
        line.tune(self._topics)
        return line

    def _speak(self, key: bytes, address: Address) -> Line:
        socket = fleeting(self._ctx, zmq.XPUB, self._keys, key, MESH_HWM)
        return Line(self._loop, socket, address, partial(self._asked_outward, key), self._guarded)

    def _turned(self, key: bytes) -> None:
        peer = self._peers.get(key)
        if peer is None:
            return
        line = peer.hears.line
        if line is not None:
            line.tune(self._topics)  # they may have changed while it was being made
            line.hold(peer.held)
        self._heard.state(key, line is not None, peer.hears.error)

    def _turned_outward(self, key: bytes) -> None:
        peer = self._peers.get(key)
        if peer is not None and (peer.speaks is None or peer.speaks.line is None):
            peer.wanted.clear()

    # What comes in -----------------------------------------------------------------------------------------

    def _judge(self, key: bytes) -> bool:
        """ZAP's question. A member who knocks is awake: our own line to it is worth another try."""
        admitted = self._admits(key)
        peer = self._peers.get(key)
        if admitted and peer is not None:
            self._loop.call_soon(peer.hears.hint)
            if peer.speaks is not None:
                self._loop.call_soon(peer.speaks.hint)
        return admitted

    def _published(self, key: bytes, batch: list[list[zmq.Frame]]) -> None:
        packets = [frame[TOPIC_BYTES:] for (part,) in batch if len(frame := part.bytes) > TOPIC_BYTES]
        self._malformed += len(batch) - len(packets)
        if packets and key in self._peers:
            self._heard.received(packets, key)

    def _asked_outward(self, key: bytes, batch: list[list[zmq.Frame]]) -> None:
        """At a peer's second door: it subscribes, or does so no longer."""
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
                self._heard.subscribed(key, said[1:])

    # Who sends without end ---------------------------------------------------------------------------------

    def _guarded(self, fd: int) -> None:
        """A connection stands, by which somebody may send."""
        if self._arrivals is not None:
            self._arrivals.add(fd)

    def _flows(self) -> Iterator[Flow]:
        yield from self._doorway.flows()
        for peer in self._peers.values():
            line = peer.hears.line
            if line is not None:
                yield line.flow

    def _look(self) -> float | None:
        found = self._guard.look()
        for fd in found:
            self._doorway.shut(fd)
        for peer in list(self._peers.values()) if found else ():
            line = peer.hears.line
            if line is not None and line.fd in found:
                self._cut += 1
                line.fail("cut: it sends without end")
        return self._loop.time() + MESH_GUARD_S if self._guard.suspects else None
