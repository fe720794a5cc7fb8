"""The bus: XSUB in, XPUB out, twice: with CURVE for enrolled keys, plain on loopback for any ZeroMQ tool.

Publications come in here, go through the core, and leave on both XPUBs; the fan-out to subscribers is libzmq's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import zmq

from sandpiper.broker.fanout import Fanout
from sandpiper.broker.subscriptions import SubscriptionIndex
from sandpiper.common import batch
from sandpiper.common.frame import topic
from sandpiper.common.host_port import joined
from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.connections import Connections
from sandpiper.common.io.descriptor_guard import DescriptorGuard
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.pacer import Pacer
from sandpiper.common.io.sockets import CurveKeys, Socket, serving
from sandpiper.common.lead import CURVE_OVERHEAD, LONG, SHORT
from sandpiper.common.limits import (
    BATCH_HWM,
    BATCH_MESSAGES,
    HANDSHAKE_IN_LINE_S,
    SUBSCRIPTIONS_PER_CONNECTION,
    XPUB_HWM,
)

DOMAIN = "bus"
_SUBSCRIBE = 1
_LONG_FROM = 256  # octets of a frame whose length takes eight octets itself


class Surfaced(NamedTuple):
    """What came out of one connection: messages, and octets as they were on the wire."""

    messages: int = 0
    octets: int = 0

    def plus(self, other: Surfaced) -> Surfaced:
        """Both together."""
        return Surfaced(self.messages + other.messages, self.octets + other.octets)


class Pair:
    """One XSUB and XPUB.

    `publications` gets a batch of frames, each with its sender's user id (None at a plain pair); `subscription` a user
    id and a topic, `came` each connection's descriptor; `done` is called after each batch.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys | None,
        *,
        publications: Callable[[list[tuple[str | None, bytes]]], None],
        subscription: Callable[[str | None, bytes], None],
        done: Callable[[], None],
        descriptors: Descriptors,
        came: Callable[[int], None],
    ) -> None:
        self._keyed = keys is not None
        self._overhead = CURVE_OVERHEAD if self._keyed else 0
        self._publications = publications
        self._subscription = subscription
        self._done = done
        self._subscriptions = Connections()
        hwm = XPUB_HWM if keys is None else BATCH_HWM
        self.xsub = serving(ctx, zmq.XSUB, keys, DOMAIN, handshake_s=HANDSHAKE_IN_LINE_S)
        self.xpub = serving(ctx, zmq.XPUB, keys, DOMAIN, hwm, handshake_s=HANDSHAKE_IN_LINE_S)
        # Without CURVE a handshake costs nothing that others would have to wait for.
        self._pacer = Pacer(loop) if self._keyed else None
        self._porters = [DescriptorGuard(loop, each, descriptors, came, self._pacer) for each in (self.xsub, self.xpub)]
        self._loop = loop
        self._drains: list[BatchReader] = []
        self._accounting = False
        self.surfaced: dict[int, Surfaced] = {}
        self._endpoints: list[tuple[Socket, str]] = []
        self._batches = SubscriptionIndex(batch.topic)
        self._singles = SubscriptionIndex(lambda room: topic(room, ""))
        self.dropped_connections = 0

    def bind(self, hosts: Sequence[str], xsub: int, xpub: int) -> None:
        """Opens the pair at each of these addresses. Raises zmq.ZMQError (EADDRINUSE, EACCES, …)."""
        for socket, port in ((self.xpub, xpub), (self.xsub, xsub)):
            for host in hosts:
                endpoint = f"tcp://{joined(host, port)}"
                socket.bind(endpoint)
                self._endpoints.append((socket, endpoint))
        self._bound()
        self.xsub.send(bytes([_SUBSCRIBE]))
        self._drains = [
            BatchReader(self._loop, self.xsub, self._published, parts=1, most=BATCH_MESSAGES),
            BatchReader(self._loop, self.xpub, self._subscribed, parts=1, most=BATCH_MESSAGES),
        ]

    def rebind(self) -> None:
        """Cuts every connection; the clients are back within RECONNECT_LEAST_S and repair what they missed."""
        for socket, endpoint in self._endpoints:
            socket.unbind(endpoint)
            socket.bind(endpoint)
        self._bound()

    def _bound(self) -> None:
        for porter in self._porters:
            porter.bound()

    def publish(self, fanout: Fanout) -> None:
        """To all subscribers: as batches to those who asked for batches, one by one to the others."""
        send = self.xpub.send
        if self._keyed and self._batches.wants(fanout.room):
            for frame in fanout.batches:
                send(frame, zmq.NOBLOCK)
        if self._singles.wants(fanout.room):
            for frame in fanout.singles:
                send(frame, zmq.NOBLOCK)
        self._drains[1].look()

    def catch_up(self) -> None:
        """Reads a batch now: libzmq takes of each connection in turn, so that of up to 500 a message comes out."""
        for drain in self._drains:
            drain.read()

    def account(self) -> None:
        """From now on `surfaced` counts what comes out, by file descriptor (see guard.py)."""
        self._accounting = True

    def _count(self, received: list[list[zmq.Frame]]) -> None:
        if self._accounting:
            for (part,) in received:
                fd, size = _source(part), len(part) + self._overhead
                messages, octets = self.surfaced.get(fd, (0, 0))
                self.surfaced[fd] = Surfaced(messages + 1, octets + size + (SHORT if size < _LONG_FROM else LONG))

    def close(self) -> None:
        """Ends the pair, giving what is queued a moment to leave."""
        for drain in self._drains:
            drain.close()
        for porter in self._porters:
            porter.close()
        if self._pacer is not None:
            self._pacer.close()
        self.xsub.close(linger=0)
        self.xpub.close(linger=500)

    @property
    def connections(self) -> int:
        """Connections now."""
        return sum(porter.present for porter in self._porters)

    @property
    def newcomers(self) -> int:
        """Connections that wait for their handshakes to begin."""
        return self._pacer.waiting if self._pacer is not None else 0

    @property
    def multiparts(self) -> int:
        """Messages of several frames that came in and were dropped."""
        return sum(drain.multiparts for drain in self._drains)

    def _published(self, received: list[list[zmq.Frame]]) -> None:
        self._count(received)
        if self._keyed:
            self._publications([(part.get("User-Id"), part.bytes) for (part,) in received])  # type: ignore[misc]
        else:
            self._publications([(None, part.bytes) for (part,) in received])
        self._done()

    def _subscribed(self, received: list[list[zmq.Frame]]) -> None:
        self._count(received)
        for (part,) in received:
            said = part.bytes
            if not said or said[0] != _SUBSCRIBE:
                continue  # unsubscriptions count for nothing: see SubscriptionIndex
            fd = _source(part)
            if self._subscriptions.count(fd) > SUBSCRIPTIONS_PER_CONNECTION:
                self.dropped_connections += self._subscriptions.shut(fd)
                continue
            (self._batches if batch.is_topic(said[1:]) else self._singles).add(said[1:])
            self._subscription(str(part.get("User-Id")) if self._keyed else None, said[1:])
        self._done()


def _source(part: zmq.Frame) -> int:
    """The connection's file descriptor; -1 for a peer of ZMTP 1 or 2, whose messages carry no word about it."""
    try:
        return int(part.get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1
