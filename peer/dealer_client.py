"""One connection from a DEALER to a service's ROUTER through its front door, until it breaks.

A broken one is thrown away: libzmq does not try again after a refusal, and the service's key may have changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import zmq

from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.monitor import SocketMonitor
from sandpiper.common.io.sockets import CurveKeys, calling, connect
from sandpiper.common.limits import BATCH_MESSAGES, PUB_HWM
from sandpiper.peer.p2p.mesh.flood_guard import Flow
from sandpiper.peer.p2p.mesh.guarded_links import GuardedLinks

_EVENTS: Final = zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED


class DealerClient:
    """A DEALER that connects at once. `heard` gets each frame, `down` is called once when the connection has gone.

    Raises SocketError, and has closed its sockets then. `fd` is the connection's, once there is one. With `guard` it is
    cut if it sends without end.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ctx: zmq.Context[Any],
        keys: CurveKeys,
        server_key: bytes,
        endpoint: str,
        *,
        heard: Callable[[bytes], None],
        down: Callable[[], None],
        hwm: int = PUB_HWM,
        guard: GuardedLinks | None = None,
    ) -> None:
        self._heard = heard
        self._down = down
        self._guard = guard
        self._closed = False
        self.fd = -1
        with ExitStack() as undo:
            self._socket = undo.enter_context(calling(ctx, zmq.DEALER, keys, server_key, hwm))
            self._watch = SocketMonitor(loop, self._socket, _EVENTS, self._watched)
            undo.callback(self._watch.close)
            self._drain = BatchReader(loop, self._socket, self._said, parts=1, most=BATCH_MESSAGES)
            undo.callback(self._drain.close)
            connect(self._socket, endpoint)
            undo.pop_all()

    def send(self, request: bytes) -> None:
        """Sends one frame. A frame that a full queue refuses is lost: the caller asks again."""
        if not self._closed:
            try:
                self._socket.send(request, zmq.NOBLOCK)
            except zmq.Again:
                return
            self._drain.poll()

    @property
    def flow(self) -> Flow:
        """See ServiceLink."""
        return Flow(self.fd, self._drain.messages, self._drain.empties)

    def cut(self) -> None:
        """See ServiceLink."""
        if not self._closed:
            self._down()

    def close(self, linger_ms: int = 0) -> None:
        """Closes the connection; what is queued gets `linger_ms` to leave."""
        if self._closed:
            return
        self._closed = True
        if self._guard is not None:
            self._guard.remove(self)
        self._drain.close()
        self._watch.close()
        self._socket.close(linger=linger_ms)

    def _said(self, batch: list[list[zmq.Frame]]) -> None:
        for (part,) in batch:
            if not self._closed:
                self.fd = part.get(zmq.SRCFD)
                self._heard(part.bytes)

    def _watched(self, event: int, value: int, endpoint: str) -> None:
        if self._closed:
            return
        if event == zmq.EVENT_DISCONNECTED:
            self._down()
            return
        self.fd = value
        if self._guard is not None:
            self._guard.add(self)
