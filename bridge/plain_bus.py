"""Plain ZeroMQ endpoints for tools on this machine: an XSUB to publish at and an XPUB to hear, without keys.

Whoever reaches them may use them, so they stand in a folder that only its owner enters, or on loopback. They know of
frames only: what those say is judged by whoever made them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import zmq

from sandpiper.common.io.bus_pair import SUBSCRIBE, BusPair
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.limits import KEPT_BYTES

_LOOPBACK: Final = "127.0.0.1"
_MAPPED: Final = f"[::ffff:{_LOOPBACK}]"


class PlainBus(BusPair):
    """A pair for tools. `publications` gets what they publish, some frames at a time; what it raises is a mistake."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        publications: Callable[[list[bytes]], None],
        descriptors: Descriptors,
    ) -> None:
        super().__init__(loop, ctx, None, descriptors, keep=KEPT_BYTES)
        self._publications = publications
        self._tcp = False

    def bind(self, xsub: str, xpub: str) -> tuple[str, str]:
        """Opens the pair; where it is, with the ports that `tcp://HOST:*` became. Raises zmq.ZMQError."""
        self._tcp = xpub.startswith("tcp:")
        self._open([(self.xpub, xpub), (self.xsub, xsub)])
        return _endpoint(self.xsub), _endpoint(self.xpub)

    def publish(self, frames: list[bytes]) -> None:
        """Publishes to all who subscribe. A tool that does not read loses what is beyond XPUB_HWM, and delays none."""
        self._send(frames)
        for reader in self._readers[1:]:
            reader.poll()

    def pause(self, on: bool) -> None:
        """Makes what tools publish wait, or lets it come; what goes beyond KEPT_BYTES is lost (`dropped`)."""
        for reader in self._readers[:1]:
            reader.pause(on)

    @property
    def dropped(self) -> int:
        """Messages that came faster than they could be taken."""
        return sum(reader.dropped for reader in self._readers)

    def _published(self, received: list[list[zmq.Frame]]) -> None:
        self._publications([part.bytes for (part,) in received])

    def _subscribed(self, received: list[list[zmq.Frame]]) -> None:
        # Each must be read, or they would pile up. Sockets in the file system have no addresses to tell them apart by.
        for (part,) in received:
            if self._tcp and part.bytes[:1] == bytes([SUBSCRIBE]):
                self._admits(part)


def _endpoint(socket: zmq.Socket[bytes]) -> str:
    # A socket for both families spells IPv4 as IPv6, which not every tool understands.
    return bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode().replace(_MAPPED, _LOOPBACK)
