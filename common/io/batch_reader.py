"""The batch reader: a ZeroMQ socket on an asyncio loop, read in batches.

libzmq's FD is edge-triggered and belongs to both directions: it must be drained after each event, and looked at again
after each send, or a message waits until the next one comes. `zmq.asyncio` does that a message at a time and costs
several times as much.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import zmq

from sandpiper.common.io.sockets import Socket, explained

_AHEAD: Final = 10
"""How many times as much a drain that keeps reads in a turn as it hands over: reading costs a hundredth of the work."""
_MESSAGE_BYTES: Final = 256
"""What a message takes here besides its own bytes."""


class BatchReader:
    """A reader of one socket: calls `receive` with up to `most` frames at a time, each a message of its own.

    Our protocols have one frame a message (a ROUTER's route comes before it); a message of more is handed to nobody
    and counted in `multiparts`.

    libzmq's own queue has no bound (see sockets.py). With `keep`, for what is repaired when it is lost, the reader is
    quicker than who receives: it reads ahead, keeps messages of so many bytes, and drops what comes on top of them,
    counted in `dropped`. `messages` counts all that came out of libzmq, `empties` how often nothing more was in it;
    `read_at` is when something last came, in the loop's time.
    Raises SocketError, holding nothing then.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        socket: Socket,
        receive: Callable[[list[list[zmq.Frame]]], None],
        *,
        parts: int,
        most: int,
        keep: int = 0,
    ) -> None:
        self._loop = loop
        self._socket = socket
        self._receive = receive
        self._parts = parts
        self._most = most
        self._keep = keep
        self._kept: deque[list[zmq.Frame]] = deque()
        self._kept_bytes = 0
        self._scheduled = False
        self._closed = False
        self._held = False
        self._partial: list[zmq.Frame] = []
        self.multiparts = 0
        self.messages = 0
        self.dropped = 0
        self.empties = 0
        self.read_at = loop.time()
        with explained("a socket cannot be read"):
            self._fd = int(socket.getsockopt(zmq.FD))
            loop.add_reader(self._fd, self._run)
        self.poll()

    def poll(self) -> None:
        """To be called after each send: looks for what may have come in meanwhile."""
        if not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def pause(self, on: bool) -> None:
        """Stops handing over for now, or goes on. For a reader that keeps."""
        self._held = on
        if not on:
            self.poll()

    def close(self) -> None:
        """Reads no more. The socket stays its owner's."""
        if not self._closed:
            self._closed = True
            self._kept.clear()
            self._loop.remove_reader(self._fd)

    def read(self) -> None:
        """To be called for what must not wait for the loop's next turn."""
        self._run()

    def _run(self) -> None:
        self._scheduled = False
        if self._closed:
            return
        # To ask costs a tenth of an exception, and after a send there is mostly nothing.
        waits = bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)
        self.empties += not waits
        if not waits and not self._kept:
            return
        batch = self._read(self._most * (_AHEAD if self._keep else 1)) if waits else []
        if self._keep:
            self._put_by(batch)
            batch = self._next()
        try:
            if batch:
                self._receive(batch)
        finally:
            if waits or (self._kept and not self._held):
                self.poll()  # whatever it raised: the descriptor would not be reported again

    def _put_by(self, batch: list[list[zmq.Frame]]) -> None:
        for message in batch:
            if self._kept_bytes > self._keep:
                self.dropped += 1
            else:
                self._kept.append(message)
                self._kept_bytes += _size(message)

    def _next(self) -> list[list[zmq.Frame]]:
        if self._held:
            return []
        batch = [self._kept.popleft() for _ in range(min(len(self._kept), self._most))]
        self._kept_bytes -= sum(map(_size, batch))
        return batch

    def _read(self, most: int) -> list[list[zmq.Frame]]:
        batch: list[list[zmq.Frame]] = []
        self.read_at = self._loop.time()
        recv, parts = self._socket.recv, self._parts
        for _ in range(most * parts):
            try:
                part = recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                self.empties += 1
                break
            self._partial.append(part)
            if not part.more:
                if len(self._partial) == parts:
                    batch.append(self._partial)
                else:
                    self.multiparts += 1
                self.messages += 1
                self._partial = []
            elif len(self._partial) > parts:
                del self._partial[1:]
                self._partial.append(part)
        return batch


def _size(message: list[zmq.Frame]) -> int:
    return sum(map(len, message)) + _MESSAGE_BYTES
