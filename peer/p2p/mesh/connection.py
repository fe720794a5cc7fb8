"""One connection to one port of one peer, from the first packet until it breaks.

First a plain TCP connection is tried, for libzmq does not tell why one fails; then libzmq makes its own, and its
monitor tells how the handshake ends. A connection that broke is thrown away with its socket: a refused one would never
try again, and the next one may go to another address.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket as sockets
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NamedTuple

import zmq

from sandpiper.common.errors import SocketError
from sandpiper.common.host_port import joined
from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.monitor import SocketMonitor
from sandpiper.common.io.sockets import Socket, connect
from sandpiper.common.limits import (
    BATCH_MESSAGES,
    KEPT_BYTES,
    MESH_CONNECT_S,
    MESH_HANDSHAKE_S,
    MESH_LINGER_S,
    MESH_SILENT_S,
)
from sandpiper.peer.p2p.mesh.flood_guard import Flow

Receive = Callable[[list[list[zmq.Frame]]], None]

_LOST = zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED
_FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
_REASONS: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to that host",
    errno.ENETUNREACH: "no route to that network",
    errno.ETIMEDOUT: f"no answer within {MESH_CONNECT_S:g} s",
}
_UP: Final = ""
_REFUSED: Final = "refused: it does not know us as a member"
_OTHERS: Final = "the handshake failed: somebody else answers there"


class Address(NamedTuple):
    """Where a peer listens: a numeric IPv4 or IPv6 host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return joined(self.host, self.port)

    @property
    def usable(self) -> bool:
        """Whether a peer could be there. Names are not looked up: they are of somebody else's making."""
        try:
            host = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        wire = "%" not in self.host or (host.version == 6 and host.is_link_local)
        return 0 < self.port < 65536 and wire and not host.is_multicast and not host.is_unspecified


class NoConnection(Exception):
    """Why a connection could not be made, in words for a person.

    `refused`: the peer is there, and does not admit us; `nobody`: its machine is there, and the peer is not.
    """

    def __init__(self, text: str, *, refused: bool = False, nobody: bool = False) -> None:
        super().__init__(text)
        self.refused = refused
        self.nobody = nobody


class Connection:
    """Connects a socket to a peer, and hands what comes in to `receive`. The socket belongs to it from here on.

    `connected` gets the connection's descriptor. `ended` is called once, with the reason, unless it is closed before.
    Raises SocketError, and has closed the socket then.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        socket: Socket,
        address: Address,
        receive: Receive,
        connected: Callable[[int], None],
    ) -> None:
        self._loop = loop
        self._socket = socket
        self._connected = connected
        self._failure = ""
        self._topics: set[bytes] = set()
        self._closed = False
        self.over = False
        self.address = address
        self.from_host = ""
        self.rtt_ms = 0.0
        self.fd = -1
        self.since = loop.time()
        self.settled: asyncio.Future[str] = loop.create_future()
        self.ended: Callable[[str], None] | None = None
        events = _LOST | _FAILED | zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED
        with ExitStack() as undo:
            undo.enter_context(socket)
            self._watch = SocketMonitor(loop, socket, events, self._watched)
            undo.callback(self._watch.close)
            self._drain = BatchReader(loop, socket, receive, parts=1, most=BATCH_MESSAGES, keep=KEPT_BYTES)
            undo.callback(self._drain.close)
            connect(socket, f"tcp://{address}")
            undo.pop_all()

    def send(self, frame: bytes) -> None:
        """Sends a frame; it is dropped if the other end is too far behind."""
        if not self._closed:
            self._socket.send(frame, zmq.NOBLOCK)
            self._drain.poll()

    def subscribe_to(self, topics: set[bytes]) -> None:
        """Subscribes a SUB socket to these topics alone. The new ones come before the old ones go."""
        for topic in topics - self._topics:
            self._socket.setsockopt(zmq.SUBSCRIBE, topic)
        for topic in self._topics - topics:
            self._socket.setsockopt(zmq.UNSUBSCRIBE, topic)
        self._topics = set(topics)
        self._drain.poll()

    def pause(self, on: bool) -> None:
        """Stops reading, or goes on; what comes in beyond KEPT_BYTES meanwhile is repaired later."""
        self._drain.pause(on)

    @property
    def flow(self) -> Flow:
        """The counters of this connection, for the flood guard."""
        return Flow(self.fd, self._drain.messages, self._drain.empties)

    @property
    def silent(self) -> bool:
        """Whether nothing has come for so long that it counts as broken."""
        return self._loop.time() - max(self._drain.read_at, self.since) >= MESH_SILENT_S

    def fail(self, reason: str) -> None:
        """Reports that it has ended, for this reason."""
        if self.ended is not None:
            self.ended(reason)

    def close(self) -> None:
        """Closes the socket. What a publisher has queued gets a moment to leave."""
        if self._closed:
            return
        self._closed = True
        self._watch.close()
        self._drain.close()
        self._socket.close(linger=0 if self._socket.getsockopt(zmq.TYPE) == zmq.SUB else int(MESH_LINGER_S * 1000))
        self.settled.cancel()

    def _watched(self, event: int, value: int, endpoint: str) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._settle(_UP)
        elif event == zmq.EVENT_CONNECTED:
            self.fd = value
            self._connected(value)
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self._failure = _REFUSED
        elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self._failure = _OTHERS
        elif event & _LOST and not self.over:
            self.over = True
            self._drain.poll()  # what came in before the end, a goodbye perhaps
            self._loop.call_soon(self._lost)

    def _settle(self, outcome: str) -> None:
        if not self.settled.done():
            self.since = self._loop.time()
            self.settled.set_result(outcome)

    def _lost(self) -> None:
        if self._closed:
            return
        self._settle(self._failure or "closed in the handshake: somebody else answers there")
        if self.ended is not None:
            self.ended("the connection was lost")


async def dial(
    loop: asyncio.AbstractEventLoop, address: Address, make: Callable[[Address], Connection], made: set[Connection]
) -> Connection:
    """Makes a connection and waits until it stands. Until then it is in `made`, to be closed at once if need be.

    Raises NoConnection.
    """
    rtt_s, from_host = await _probe(loop, address)
    try:
        connection = make(address)
    except SocketError as error:
        raise NoConnection(str(error)) from None
    connection.rtt_ms, connection.from_host = rtt_s * 1000, from_host
    made.add(connection)
    outcome = None
    try:
        await asyncio.wait({connection.settled}, timeout=MESH_HANDSHAKE_S)
        outcome = (
            connection.settled.result() if connection.settled.done() else "connected, but no answer to the handshake"
        )
        if outcome == _UP and connection.over:
            outcome = "the connection was lost at once"
    finally:
        made.discard(connection)
        if outcome != _UP:
            connection.close()
    if outcome != _UP:
        raise NoConnection(outcome, refused=outcome == _REFUSED, nobody=outcome == _OTHERS)
    return connection


async def _probe(loop: asyncio.AbstractEventLoop, address: Address) -> tuple[float, str]:
    """Measures how long a TCP connection takes, in seconds, and from which address of ours it goes.

    Raises NoConnection.
    """
    family = sockets.AF_INET6 if ":" in address.host else sockets.AF_INET
    started = loop.time()
    try:
        with sockets.socket(family, sockets.SOCK_STREAM) as probe:
            probe.setblocking(False)
            await asyncio.wait_for(loop.sock_connect(probe, tuple(address)), MESH_CONNECT_S)
            from_host: str = probe.getsockname()[0]
            if probe.getsockname()[:2] == probe.getpeername()[:2]:
                raise NoConnection(
                    _REASONS[errno.ECONNREFUSED], nobody=True
                )  # met itself on a port of the ephemeral range
    except asyncio.TimeoutError:
        raise NoConnection(_REASONS[errno.ETIMEDOUT]) from None
    except OSError as error:
        number = error.errno or 0
        text = _REASONS.get(number, os.strerror(number))
        raise NoConnection(text, nobody=number == errno.ECONNREFUSED) from None
    return loop.time() - started, from_host
