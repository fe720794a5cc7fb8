"""The dealer: one connection to a service's ROUTER through its front door, until it breaks.

A broken one is thrown away, for a refused libzmq socket does not try again, and the service's key may have changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import zmq

from sandpiper.common.io.batch_reader import Drain
from sandpiper.common.io.monitor import Watch
from sandpiper.common.io.sockets import CurveKeys, Socket, calling
from sandpiper.common.limits import BATCH_MESSAGES, PUB_HWM


class Dealer:
    """Connects at once. `heard` gets each frame, `down` is called once the connection has gone."""

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
    ) -> None:
        self._heard = heard
        self._down = down
        self._closed = False
        self._socket: Socket = calling(ctx, zmq.DEALER, keys, server_key, hwm)
        try:
            self._watch = Watch(loop, self._socket, zmq.EVENT_DISCONNECTED, self._watched)
        except zmq.ZMQError:
            self._socket.close(linger=0)
            raise
        self._drain = Drain(loop, self._socket, self._said, parts=1, most=BATCH_MESSAGES)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError:
            self.close()
            raise

    def say(self, request: bytes) -> None:
        """One frame. What a full queue refuses will be asked again."""
        if not self._closed:
            try:
                self._socket.send(request, zmq.NOBLOCK)
            except zmq.Again:
                return
            self._drain.look()

    def close(self, linger_ms: int = 0) -> None:
        """Ends it; what is queued gets `linger_ms` to leave."""
        if self._closed:
            return
        self._closed = True
        self._drain.close()
        self._watch.close()
        self._socket.close(linger=linger_ms)

    def _said(self, batch: list[list[zmq.Frame]]) -> None:
        for (part,) in batch:
            if not self._closed:
                self._heard(part.bytes)

    def _watched(self, event: int, fd: int, endpoint: str) -> None:
        if not self._closed:
            self._down()
