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
from sandpiper.common.io.bindings import Bindings
from sandpiper.common.io.bus_pair import SUBSCRIBE, BusPair
from sandpiper.common.io.connections import source_of
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.sockets import CurveKeys
from sandpiper.common.lead import CURVE_OVERHEAD, LONG, SHORT
from sandpiper.common.limits import (
    BATCH_HWM,
    HANDSHAKE_IN_LINE_S,
    XPUB_HWM,
)

DOMAIN = "bus"
_LONG_FROM = 256  # octets of a frame whose length takes eight octets itself


class Surfaced(NamedTuple):
    """The output of one connection so far: messages, and octets as they were on the wire."""

    messages: int = 0
    octets: int = 0

    def plus(self, other: Surfaced) -> Surfaced:
        """Both together."""
        return Surfaced(self.messages + other.messages, self.octets + other.octets)


class Pair(BusPair):
    """The bus at one pair of ports, with CURVE or plain.

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
        hwm = XPUB_HWM if keys is None else BATCH_HWM
        super().__init__(
            loop, ctx, keys, descriptors, domain=DOMAIN, hwm=hwm, handshake_s=HANDSHAKE_IN_LINE_S, came=came
        )
        self._keyed = keys is not None
        self._overhead = CURVE_OVERHEAD if self._keyed else 0
        self._publications = publications
        self._subscription = subscription
        self._done = done
        self._accounting = False
        self.surfaced: dict[int, Surfaced] = {}
        self._bindings = Bindings(loop, self._emptied, self._bound)
        self._batches = SubscriptionIndex(batch.topic)
        self._singles = SubscriptionIndex(lambda room: topic(room, ""))

    def bind(self, hosts: Sequence[str], xsub: int, xpub: int) -> None:
        """Opens the pair at each of these addresses. Raises zmq.ZMQError (EADDRINUSE, EACCES, …)."""
        ports = ((self.xpub, xpub), (self.xsub, xsub))
        endpoints = [(socket, f"tcp://{joined(host, port)}") for socket, port in ports for host in hosts]
        self._open(endpoints)
        for socket, endpoint in endpoints:
            self._bindings.add(socket, endpoint)

    def rebind(self) -> None:
        """Cuts every connection; the clients are back within RECONNECT_LEAST_S and repair what they missed."""
        self._bindings.rebind()

    def _emptied(self) -> None:
        for guard in self._guards:
            guard.emptied()

    def publish(self, fanout: Fanout) -> None:
        """To all subscribers: as batches to those who asked for batches, one by one to the others."""
        if self._keyed and self._batches.wants(fanout.room):
            self._send(fanout.batches)
        if self._singles.wants(fanout.room):
            self._send(fanout.singles)
        self._readers[1].poll()

    def catch_up(self) -> None:
        """Reads a batch now: libzmq takes of each connection in turn, so that of up to 500 a message comes out."""
        for reader in self._readers:
            reader.read()

    def account(self) -> None:
        """Begins to count in `surfaced` what comes out, by file descriptor (see memory_guard.py)."""
        self._accounting = True

    def _count(self, received: list[list[zmq.Frame]]) -> None:
        if self._accounting:
            for (part,) in received:
                fd, size = source_of(part), len(part) + self._overhead
                messages, octets = self.surfaced.get(fd, (0, 0))
                self.surfaced[fd] = Surfaced(messages + 1, octets + size + (SHORT if size < _LONG_FROM else LONG))

    def close(self) -> None:
        """See BusPair."""
        self._bindings.close()
        super().close()

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
            if not said or said[0] != SUBSCRIBE:
                continue  # unsubscriptions count for nothing: see SubscriptionIndex
            if not self._admits(part):
                continue
            (self._batches if batch.is_topic(said[1:]) else self._singles).add(said[1:])
            self._subscription(str(part.get("User-Id")) if self._keyed else None, said[1:])
        self._done()
