"""The watch: what libzmq does behind a socket, told by its monitor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

import zmq
from zmq.utils.monitor import parse_monitor_message

from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.sockets import Socket, bare, connect, explained
from sandpiper.common.limits import BATCH_MESSAGES

Heard = Callable[[int, int, str], None]


class SocketMonitor:
    """A monitor of one socket: calls `heard` with each of `events`, its value and its endpoint.

    Raises SocketError, holding nothing then.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: Socket, events: int, heard: Heard) -> None:
        self._socket = socket
        self._heard = heard
        endpoint = f"inproc://watch-{int(socket.getsockopt(zmq.FD))}"
        with ExitStack() as undo:
            with explained("a socket cannot be watched"):
                socket.monitor(endpoint, events)
            undo.callback(socket.monitor, None, 0)
            self._told = bare(socket.context, zmq.PAIR)
            undo.callback(self._told.close)
            # Were the queue bounded, libzmq's thread would wait for us in a flood, and we for it when we close.
            self._told.setsockopt(zmq.RCVHWM, 0)
            connect(self._told, endpoint)
            self._reader = BatchReader(loop, self._told, self._tell, parts=2, most=BATCH_MESSAGES)
            undo.pop_all()

    def catch_up(self) -> None:
        """Hears at once what has been told already, such as what a `bind` has just told."""
        self._reader.read()

    def close(self) -> None:
        """Hears no more; to be closed before its socket."""
        self._reader.close()
        self._socket.monitor(None, 0)
        self._told.close()

    def _tell(self, batch: list[list[zmq.Frame]]) -> None:
        for parts in batch:
            event = parse_monitor_message([part.bytes for part in parts])
            self._heard(event["event"], event["value"], event["endpoint"].decode("utf-8", "replace"))
