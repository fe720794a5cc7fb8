"""The front door: one TCP address for every kind of client. See `door_connection` for how it tells them apart."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence

from sandpiper.common.connection_limits import ConnectionLimits
from sandpiper.common.io.bind_addresses import bound
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.door_connection import Counters, DoorConnection
from sandpiper.common.io.inner_endpoint import InnerEndpoint
from sandpiper.common.io.line_side import LineClient
from sandpiper.common.io.listener import Listener, bound_local
from sandpiper.common.io.splice import Splice
from sandpiper.common.limits import DOOR_CONNECTIONS, DOOR_LEAVE_S, DOOR_READ_BYTES, SPLICE_FLUSH_S
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Error


class FrontDoor:
    """A front door, which listens at one address.

    `lines` makes the speaker for a JSON-lines client at an address, who came when `mark` was as it is given again;
    `greeting` says whose door it is.

    Without `inner`, `on_splice` and `on_splice_closed` it speaks JSON lines alone.
    """

    def __init__(
        self,
        *,
        lines: Callable[[str, int], LineClient],
        mark: Callable[[], int] = lambda: 0,
        inner: InnerEndpoint | None = None,
        on_splice: Callable[[Splice], None] = lambda splice: None,
        on_splice_closed: Callable[[Splice], None] = lambda splice: None,
        greeting: str,
        descriptors: Descriptors,
    ) -> None:
        self.counters = Counters()
        self.connection_limits = ConnectionLimits()
        self.lines = lines
        self.mark = mark
        self.inner = inner
        self.on_splice = on_splice
        self.on_splice_closed = on_splice_closed
        self.greeting = greeting
        # Read into by every connection: what is in it has been copied before the loop reads from the next one.
        self.buffer = memoryview(bytearray(DOOR_READ_BYTES))
        self.open_connections: set[DoorConnection] = set()
        self.leaving = 0
        self.refused = 0
        self._descriptors = descriptors
        self._listener: Listener | None = None

    @property
    def connections(self) -> int:
        """Connections now."""
        return self.connection_limits.present

    def sample(self) -> dict[str, tuple[str, float]]:
        """The counters, as Samples shows them: name → (help, value)."""
        counters = self.counters
        return {
            "door_connections": ("Connections at the front door.", self.connections),
            "door_lines_total": ("Connections that spoke JSON lines.", counters.lines),
            "door_spliced_total": ("ZeroMQ connections passed on.", counters.spliced),
            "door_foreign_total": ("Connections that spoke neither.", counters.foreign),
            "door_refused_total": ("Connections turned away.", counters.refused),
            "door_dropped_total": ("JSON-lines clients cut for not reading.", counters.dropped),
            "door_expired_total": ("JSON-lines clients cut for a line that they did not finish.", counters.expired),
        }

    @property
    def port(self) -> int:
        """The port where it listens; 0 while it does not."""
        address = self._listener.address if self._listener is not None else ""
        return int(address[1]) if isinstance(address, tuple) else 0

    async def open(self, hosts: Sequence[str], port: int) -> None:
        """Begins to listen at each of these addresses. Raises OSError."""
        self._listen(bound(hosts, port), min(DOOR_CONNECTIONS, 1024))

    async def open_local(self, path: str) -> None:
        """Begins to listen at a socket of the file system; its folder says who may come. Raises OSError."""
        self._listen(bound_local(path), 128)

    def _listen(self, sockets: list[socket.socket], backlog: int) -> None:
        self._listener = Listener(sockets, backlog, lambda: DoorConnection(self), self._descriptors, self._no_room)

    def _no_room(self) -> bytes:
        self.counters.refused += 1
        text = f"{self.greeting} has no file descriptors left for newcomers; try again later"
        return encode_line(Error(text, int(time.time())))

    async def close(self) -> None:
        """Accepts no more, and ends every connection once what has been written to it is out, or DOOR_LEAVE_S over."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        spliced = [connection for connection in self.open_connections if connection.spliced]
        for connection in self.open_connections.difference(spliced):
            connection.close()
        if spliced:
            await asyncio.sleep(SPLICE_FLUSH_S)
        for connection in spliced:
            connection.close()
        if self.open_connections:
            await asyncio.wait([each.gone for each in self.open_connections], timeout=DOOR_LEAVE_S)
        for connection in list(self.open_connections):
            connection.abort()
        for _ in range(2):  # the outer end is told in the next turn, and the inner one after it
            await asyncio.sleep(0)
