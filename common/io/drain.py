"""The drain loop: a ZeroMQ socket on an asyncio loop, read in batches.

libzmq's FD is edge-triggered and belongs to both directions: it must be drained after each event, and looked at again
after each send, or a message waits until the next one comes. `zmq.asyncio` does that a message at a time and costs
several times as much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import zmq

from sandpiper.common.io.sockets import Socket


class Drain:
    """Calls `receive` with up to `most` frames at a time, each a message of its own.

    Our protocols have one frame a message (a ROUTER's route comes before it); a message of more is handed to nobody
    and counted in `multiparts`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        socket: Socket,
        receive: Callable[[list[list[zmq.Frame]]], None],
        *,
        parts: int,
        most: int,
    ) -> None:
        self._loop = loop
        self._socket = socket
        self._receive = receive
        self._parts = parts
        self._most = most
        self._scheduled = False
        self._closed = False
        self._held = False
        self._partial: list[zmq.Frame] = []
        self.multiparts = 0
        self._fd = int(socket.getsockopt(zmq.FD))
        loop.add_reader(self._fd, self._run)
        self.look()

    def look(self) -> None:
        """To be called after each send: looks for what may have come in meanwhile."""
        if not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def hold(self, on: bool) -> None:
        """Whether to leave what comes in libzmq's queue for now."""
        self._held = on
        if not on:
            self.look()

    def close(self) -> None:
        """Reads no more. The socket stays its owner's."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._fd)

    def read(self) -> None:
        """To be called for what must not wait for the loop's next turn."""
        self._run()

    def _run(self) -> None:
        self._scheduled = False
        if self._closed or self._held or not int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            return  # to ask costs a tenth of an exception, and after a send there is mostly nothing
        batch = self._read()
        if batch:
            try:
                self._receive(batch)
            finally:
                self.look()  # whatever it raised: the descriptor would not be reported again

    def _read(self) -> list[list[zmq.Frame]]:
        batch: list[list[zmq.Frame]] = []
        recv, parts = self._socket.recv, self._parts
        for _ in range(self._most * parts):
            try:
                part = recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            self._partial.append(part)
            if not part.more:
                if len(self._partial) == parts:
                    batch.append(self._partial)
                else:
                    self.multiparts += 1
                self._partial = []
            elif len(self._partial) > parts:
                del self._partial[1:]
                self._partial.append(part)
        return batch
