"""One connection to a broker, until it breaks.

A DEALER to control through the front door; and, where the bus ports let us in, a SUB and an XPUB. (XPUB rather than
PUB: it shows when the other end has subscribed, so nothing is sent into the void.) A broken link is thrown away whole:
libzmq does not try again after a refusal, and the broker's ports may have changed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zmq

from sandpiper.common import batch
from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.connections import traffic
from sandpiper.common.io.sockets import CurveKeys, Socket, calling, connect
from sandpiper.common.limits import BATCH_HWM, BATCH_MESSAGES, CHOKED_STILL_S, KEPT_BYTES, PUB_HWM
from sandpiper.peer.dealer_client import DealerClient

_UP = 1


@dataclass(frozen=True, slots=True)
class LinkCallbacks:
    """The callbacks of a link: for a frame of control, for a batch from the bus (each of one frame), when the bus opens
    or closes, when the link breaks.
    """

    control: Callable[[bytes], None]
    batch: Callable[[list[list[zmq.Frame]]], None]
    bus: Callable[[bool], None]
    down: Callable[[str], None]


class BrokerLink:
    """The sockets of one connection: control from the beginning, the bus when told. Raises SocketError."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys,
        server_key: bytes,
        endpoint: str,
        callbacks: LinkCallbacks,
    ) -> None:
        self._loop = loop
        self._ctx = ctx
        self._keys = keys
        self._server_key = server_key
        self._callbacks = callbacks
        self._sub: Socket | None = None
        self._pub: Socket | None = None
        self._pub_drain: BatchReader | None = None
        self._sub_drain: BatchReader | None = None
        self._pub_fd = -1
        self._taken = (-1, 0)
        self._still_since = 0.0
        self._closed = False
        self._control = DealerClient(loop, ctx, keys, server_key, endpoint, heard=callbacks.control, down=self._lost)

    def _make(self, kind: int, hwm: int = PUB_HWM) -> Socket:
        return calling(self._ctx, kind, self._keys, self._server_key, hwm)

    def _read(self, socket: Socket, receive: Callable[[list[list[zmq.Frame]]], None]) -> BatchReader:
        return BatchReader(self._loop, socket, receive, parts=1, most=BATCH_MESSAGES, keep=KEPT_BYTES)

    def open_bus(self, xsub: str) -> None:
        """Connects for publishing; `callbacks.bus` tells when publications will arrive. Raises SocketError."""
        self._pub = self._make(zmq.XPUB)
        self._pub_drain = self._read(self._pub, self._subscribed)
        connect(self._pub, xsub)

    def subscribe(self, xpub: str, room: str) -> None:
        """Connects for reading, to a room's batches. Raises SocketError."""
        self._sub = self._make(zmq.SUB, BATCH_HWM)
        self._sub.subscribe(batch.topic(room))
        self._sub_drain = self._read(self._sub, self._callbacks.batch)
        connect(self._sub, xpub)

    def close_bus(self) -> None:
        """Closes the bus sockets: everything goes through the one port."""
        for drain in (self._sub_drain, self._pub_drain):
            if drain is not None:
                drain.close()
        for socket in (self._sub, self._pub):
            if socket is not None:  # perhaps without a drain, where that could not be made
                socket.close()
        self._sub = self._pub = self._sub_drain = self._pub_drain = None

    def pause(self, on: bool) -> None:
        """Makes the bus wait while the reader is behind. What goes beyond KEPT_BYTES is repaired later."""
        if self._sub_drain is not None:
            self._sub_drain.pause(on)

    def send_control(self, request: bytes) -> None:
        """Sends one control frame. A frame that a full queue refuses is lost: the session asks again."""
        self._control.send(request)

    def publish(self, frames: list[bytes]) -> None:
        """Sends frames to the bus."""
        if self._pub is not None and self._pub_drain is not None:
            send = self._pub.send
            for frame in frames:
                send(frame, zmq.NOBLOCK)
            self._pub_drain.poll()

    def losing(self, path: str, now: float) -> bool:
        """Whether what we send by this path gets lost, or that cannot be known. To be called every now and then."""
        if sys.platform != "linux":
            return True
        fd = self._pub_fd if path == "bus" else self._control.fd
        _, taken, waiting = traffic(fd)
        if (fd, taken) != self._taken or (taken and not waiting):
            self._taken, self._still_since = (fd, taken), now
        return not taken or now - self._still_since >= CHOKED_STILL_S

    def close(self, linger_ms: int = 0) -> None:
        """Closes every socket; what is queued for control gets `linger_ms` to leave."""
        if self._closed:
            return
        self._closed = True
        self.close_bus()
        self._control.close(linger_ms)

    def _subscribed(self, batch: list[list[zmq.Frame]]) -> None:
        if not self._closed:
            self._pub_fd = batch[-1][0].get(zmq.SRCFD)
            self._callbacks.bus(batch[-1][0].bytes[:1] == bytes([_UP]))

    def _lost(self) -> None:
        if not self._closed:
            self._callbacks.down("the connection to the broker was lost")
