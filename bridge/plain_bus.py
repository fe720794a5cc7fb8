"""Plain ZeroMQ doors for tools on this machine: an XSUB to publish at and an XPUB to hear, without keys.

Whoever reaches them may use them, so they stand in a folder that only its owner enters, or on loopback. They know of
frames only: what those say is judged by whoever made them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import zmq

from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.connections import Connections
from sandpiper.common.io.descriptor_guard import DescriptorGuard
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.sockets import serving
from sandpiper.common.limits import BATCH_MESSAGES, KEPT_BYTES, SUBSCRIPTIONS_PER_CONNECTION

_SUBSCRIBE: Final = 1
_GOODBYE_MS: Final = 500


class PlainBus:
    """One pair. `publications` gets what tools publish, a batch of frames at a time; what it raises is a mistake."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        publications: Callable[[list[bytes]], None],
        descriptors: Descriptors,
    ) -> None:
        self._loop = loop
        self._publications = publications
        self._xsub = serving(ctx, zmq.XSUB, None, "")
        self._xpub = serving(ctx, zmq.XPUB, None, "")
        self._porters = [DescriptorGuard(loop, each, descriptors) for each in (self._xsub, self._xpub)]
        self._subscriptions = Connections()
        self._drains: list[BatchReader] = []
        self._tcp = False
        self.dropped_connections = 0

    def bind(self, xsub: str, xpub: str) -> tuple[str, str]:
        """Opens the pair; where it is, with the ports that `tcp://HOST:*` became. Raises zmq.ZMQError."""
        self._tcp = xpub.startswith("tcp:")
        self._xpub.bind(xpub)
        self._xsub.bind(xsub)
        self._xsub.send(bytes([_SUBSCRIBE]))
        self._drains = [
            BatchReader(self._loop, self._xsub, self._published, parts=1, most=BATCH_MESSAGES, keep=KEPT_BYTES),
            BatchReader(self._loop, self._xpub, self._subscribed, parts=1, most=BATCH_MESSAGES),
        ]
        return _endpoint(self._xsub), _endpoint(self._xpub)

    def publish(self, frames: list[bytes]) -> None:
        """To all who subscribe to them. A tool that does not read loses what is beyond XPUB_HWM, and delays nobody."""
        send = self._xpub.send
        for frame in frames:
            send(frame, zmq.NOBLOCK)
        for drain in self._drains[1:]:
            drain.look()

    def hold(self, on: bool) -> None:
        """Whether what tools publish is to wait for now; what goes beyond KEPT_BYTES is lost (`dropped`)."""
        for drain in self._drains[:1]:
            drain.hold(on)

    def close(self) -> None:
        """Ends the pair, giving what is queued a moment to leave."""
        for drain in self._drains:
            drain.close()
        for porter in self._porters:
            porter.close()
        self._xsub.close(linger=0)
        self._xpub.close(linger=_GOODBYE_MS)

    @property
    def multiparts(self) -> int:
        """Messages of several frames that came in and were dropped."""
        return sum(drain.multiparts for drain in self._drains)

    @property
    def dropped(self) -> int:
        """Messages that came faster than they could be taken."""
        return sum(drain.dropped for drain in self._drains)

    def _published(self, received: list[list[zmq.Frame]]) -> None:
        self._publications([part.bytes for (part,) in received])

    def _subscribed(self, received: list[list[zmq.Frame]]) -> None:
        # Each must be read, or they would pile up. Sockets in the file system have no addresses to tell them apart by.
        for (part,) in received:
            if self._tcp and part.bytes[:1] == bytes([_SUBSCRIBE]):
                fd = _source(part)
                if self._subscriptions.count(fd) > SUBSCRIPTIONS_PER_CONNECTION:
                    self.dropped_connections += self._subscriptions.shut(fd)


def _source(part: zmq.Frame) -> int:
    """The connection's file descriptor; -1 for a peer of ZMTP 1 or 2, whose messages carry no word about it."""
    try:
        return int(part.get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1


def _endpoint(socket: zmq.Socket[bytes]) -> str:
    return bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()
