"""The listeners: the two sockets that others connect to.

At the first, an XPUB, they hear us. To the second, a SUB, those who can only connect outward bring what they publish.
Both are CURVE servers under ZAP, whose word, which the other end cannot touch, says who somebody is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any, Final

import zmq

from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.connections import Connections, port_of, shut, source_of
from sandpiper.common.io.descriptor_guard import judge
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.monitor import SocketMonitor
from sandpiper.common.io.sockets import CurveKeys, serving, show_departures
from sandpiper.common.limits import (
    BATCH_MESSAGES,
    KEPT_BYTES,
    MESH_HWM,
    MESH_LINGER_S,
    SUBSCRIPTIONS_PER_CONNECTION,
    TOPIC_BYTES,
)
from sandpiper.peer.p2p.mesh.flood_guard import Flow
from sandpiper.peer.p2p.mesh.ports import MeshPorts, PortPair

DOMAIN: Final = "mesh"
_SUBSCRIBE = 1
_COMINGS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED


class Listeners:
    """Publishes to those who have connected, and hears those who bring something. ZAP must be there before.

    `brought` gets packets and who brought them, `subscribed` who will hear a topic, `accepted` the descriptor of each
    connection.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys,
        brought: Callable[[list[bytes], bytes | None], None],
        subscribed: Callable[[bytes | None, bytes], None],
        descriptors: Descriptors,
        accepted: Callable[[int], None],
    ) -> None:
        self._descriptors = descriptors
        self._heard_brought = brought
        self._heard_subscribed = subscribed
        self._heard_accepted = accepted
        self._topics: set[bytes] = set()
        self._wanted: Counter[bytes] = Counter()
        self._subscriptions = Connections()
        self._accepted: dict[int, int] = {}
        self._held = False
        self._closed = False
        self.doors: MeshPorts | None = None
        self.malformed = 0
        self.cut = 0
        self._watches: list[SocketMonitor] = []
        with ExitStack() as undo:
            self._pub = undo.enter_context(serving(ctx, zmq.XPUB, keys, DOMAIN, MESH_HWM))
            show_departures(self._pub)
            self._sub = undo.enter_context(serving(ctx, zmq.SUB, keys, DOMAIN, MESH_HWM))
            self._pair = PortPair(loop, self._pub, self._sub)
            for each in (self._pub, self._sub):
                self._watches.append(undo.enter_context(closing(SocketMonitor(loop, each, _COMINGS, self._watched))))
            asked = BatchReader(loop, self._pub, self._asked, parts=1, most=BATCH_MESSAGES)
            self._pub_drain = undo.enter_context(closing(asked))
            self._sub_drain = BatchReader(loop, self._sub, self._brought, parts=1, most=BATCH_MESSAGES, keep=KEPT_BYTES)
            undo.pop_all()
        self._drains = [self._pub_drain, self._sub_drain]

    def bind(self, hosts: Sequence[str], port: int | None) -> MeshPorts:
        """Binds both sockets. Raises SandpiperError."""
        self.doors = self._pair.bind(hosts, port)
        return self.doors

    def rebind(self) -> None:
        """Cuts all connections; members that are still admitted are back in a moment."""
        self._pair.rebind()

    def subscribe_to(self, topics: set[bytes]) -> None:
        """Hears these topics at the second port. The new ones are asked for before the old ones are given up."""
        for topic in topics - self._topics:
            self._sub.setsockopt(zmq.SUBSCRIBE, topic)
        for topic in self._topics - topics:
            self._sub.setsockopt(zmq.UNSUBSCRIBE, topic)
        self._topics = set(topics)
        self._sub_drain.poll()

    def send(self, frame: bytes) -> None:
        """Sends a frame to all who subscribe to it; those who are too far behind lose it."""
        self._pub.send(frame, zmq.NOBLOCK)
        self._pub_drain.poll()

    def wanted(self, topic: bytes) -> int:
        """How many connections subscribe to this topic."""
        return self._wanted[topic]

    def pause(self, on: bool) -> None:
        """Stops reading, or goes on; what comes in beyond KEPT_BYTES meanwhile is repaired later."""
        self._held = on
        self._sub_drain.pause(on)

    def flows(self) -> Iterator[Flow]:
        """The counters of each connection that is read from, for the flood guard."""
        for fd, surfaced in list(self._accepted.items()):
            port = port_of(fd)
            if self.doors is not None and port in self.doors:
                if port == self.doors.pub:
                    yield Flow(fd, surfaced, self._pub_drain.empties)
                elif not self._held:
                    yield Flow(fd, surfaced, self._sub_drain.empties)
            else:
                del self._accepted[fd]  # it has been closed, and is something else's now

    def shut(self, fd: int) -> None:
        """Cuts a connection, if it is one of `flows`."""
        if self._accepted.pop(fd, None) is not None:
            self.cut += shut(fd)

    def close(self) -> None:
        """Closes both sockets; what is queued has MESH_LINGER_S to leave."""
        self._closed = True
        self._pair.close()
        for drain in self._drains:
            drain.close()
        for watch in self._watches:
            watch.close()
        self._pub.close(linger=int(MESH_LINGER_S * 1000))
        self._sub.close(linger=0)

    def _brought(self, batch: list[list[zmq.Frame]]) -> None:
        packets: dict[bytes | None, list[bytes]] = {}
        for (part,) in batch:
            frame = part.bytes
            self._count(source_of(part))
            if len(frame) > TOPIC_BYTES:
                packets.setdefault(_key_of(part), []).append(frame[TOPIC_BYTES:])
            else:
                self.malformed += 1
        for key, some in packets.items():
            if not self._closed:
                self._heard_brought(some, key)

    def _asked(self, batch: list[list[zmq.Frame]]) -> None:
        """Takes what others subscribe to at the first port."""
        for (part,) in batch:
            said, fd = part.bytes, source_of(part)
            self._count(fd)
            if not said or said[0] > _SUBSCRIBE:
                self.malformed += 1
            elif said[0] == _SUBSCRIBE:
                if self._subscriptions.count(fd) > SUBSCRIPTIONS_PER_CONNECTION:
                    self.cut += shut(fd)
                self._wanted[said[1:]] += 1
                if len(said) == 1 + TOPIC_BYTES and not self._closed:
                    self._heard_subscribed(_key_of(part), said[1:])
            elif self._wanted[said[1:]] > 1:
                self._wanted[said[1:]] -= 1  # one that its connection's end made does not say whose it was
            else:
                del self._wanted[said[1:]]

    def _count(self, fd: int) -> None:
        self._accepted[fd] = self._accepted.get(fd, 0) + 1

    def _watched(self, event: int, fd: int, endpoint: str) -> None:
        if event == zmq.EVENT_ACCEPTED and judge(fd, endpoint, self._descriptors):
            self._accepted[fd] = 0
            self._heard_accepted(fd)
        else:
            self._accepted.pop(fd, None)


def _key_of(part: zmq.Frame) -> bytes | None:
    try:
        return bytes.fromhex(str(part.get("User-Id")))
    except (zmq.ZMQError, ValueError):
        return None
