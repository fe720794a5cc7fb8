"""The two sockets of a bus: an XSUB to publish at, and an XPUB to hear."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from typing import Any, Final

import zmq

from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.connections import Connections, source_of
from sandpiper.common.io.descriptor_guard import DescriptorGuard
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.pacer import Pacer
from sandpiper.common.io.sockets import CurveKeys, Socket, serving
from sandpiper.common.limits import BATCH_MESSAGES, HANDSHAKE_S, SUBSCRIPTIONS_PER_CONNECTION, XPUB_HWM

SUBSCRIBE: Final = 1
_GOODBYE_MS: Final = 500


class BusPair(ABC):
    """An XSUB and an XPUB, with CURVE or plain. A subclass takes what comes in: `_published` and `_subscribed`.

    `came` gets each connection's descriptor; `keep` is for the XSUB, as for a BatchReader. Raises SocketError.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys | None,
        descriptors: Descriptors,
        *,
        domain: str = "",
        hwm: int = XPUB_HWM,
        handshake_s: float = HANDSHAKE_S,
        came: Callable[[int], None] = lambda fd: None,
        keep: int = 0,
    ) -> None:
        self._loop = loop
        self._keep = keep
        self._guards: list[DescriptorGuard] = []
        with ExitStack() as undo:
            self.xsub = undo.enter_context(serving(ctx, zmq.XSUB, keys, domain, handshake_s=handshake_s))
            self.xpub = undo.enter_context(serving(ctx, zmq.XPUB, keys, domain, hwm, handshake_s=handshake_s))
            # Without CURVE a handshake costs nothing that others would have to wait for.
            self._pacer = undo.enter_context(closing(Pacer(loop))) if keys is not None else None
            for each in (self.xsub, self.xpub):
                guard = DescriptorGuard(loop, each, descriptors, came, self._pacer)
                self._guards.append(undo.enter_context(closing(guard)))
            undo.pop_all()
        self._readers: list[BatchReader] = []
        self._subscriptions = Connections()
        self.dropped_connections = 0

    def _open(self, endpoints: Iterable[tuple[Socket, str]]) -> None:
        """Binds each socket at its endpoint, and reads from then on. Raises zmq.ZMQError."""
        for socket, endpoint in endpoints:
            socket.bind(endpoint)
        self._bound()
        self.xsub.send(bytes([SUBSCRIBE]))
        for read, received, keep in ((self.xsub, self._published, self._keep), (self.xpub, self._subscribed, 0)):
            self._readers.append(BatchReader(self._loop, read, received, parts=1, most=BATCH_MESSAGES, keep=keep))

    def _bound(self) -> None:
        for guard in self._guards:
            guard.bound()

    @abstractmethod
    def _published(self, received: list[list[zmq.Frame]]) -> None:
        """Takes what publishers have sent."""

    @abstractmethod
    def _subscribed(self, received: list[list[zmq.Frame]]) -> None:
        """Takes subscriptions, and what ends them."""

    def _admits(self, part: zmq.Frame) -> bool:
        """Counts a subscription; one that is too many for its connection ends the connection."""
        fd = source_of(part)
        if self._subscriptions.count(fd) <= SUBSCRIPTIONS_PER_CONNECTION:
            return True
        self.dropped_connections += self._subscriptions.shut(fd)
        return False

    def _send(self, frames: Iterable[bytes]) -> None:
        """Publishes to whoever subscribes. A subscriber that does not read loses what is beyond its HWM."""
        send = self.xpub.send
        for frame in frames:
            send(frame, zmq.NOBLOCK)

    @property
    def connections(self) -> int:
        """Connections now."""
        return sum(guard.present for guard in self._guards)

    @property
    def newcomers(self) -> int:
        """Connections that wait for their handshakes to begin."""
        return self._pacer.waiting if self._pacer is not None else 0

    @property
    def multiparts(self) -> int:
        """Messages of several frames that came in and were dropped."""
        return sum(reader.multiparts for reader in self._readers)

    def close(self) -> None:
        """Closes the pair, giving what is queued a moment to leave."""
        for reader in self._readers:
            reader.close()
        for guard in self._guards:
            guard.close()
        if self._pacer is not None:
            self._pacer.close()
        self.xsub.close(linger=0)
        self.xpub.close(linger=_GOODBYE_MS)
