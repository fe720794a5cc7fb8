"""Plain ZeroMQ sockets as benchmark clients: for our bus doors, and for a bare proxy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from bench.board import LOOK_S, Load, Pace, Tally

CONNECTIONS_PER_SOCKET: Final = 100
"""One SUB holds so many real connections: fewer sockets to drain, the same work for the broker."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A client's keys, Z85, and the server's."""

    server: bytes
    public: bytes
    secret: bytes

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """To be called before the socket connects."""
        socket.curve_serverkey = self.server
        socket.curve_publickey = self.public
        socket.curve_secretkey = self.secret


def publish(endpoint: str, curve: Curve | None, encode: Callable[[bytes], bytes], load: Load) -> None:
    """One frame a message, `encode`d anew each time. An XPUB, so that it knows when the broker listens."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.sndhwm = 0  # the window is the bound
        socket.linger = 2000
        if curve:
            curve.apply(socket)
        socket.connect(endpoint)
        if not socket.poll(5000):
            raise TimeoutError("no subscription came from the broker")
        pace = Pace(load)
        pace.ready()
        while (count := pace.allowance()) >= 0:
            for _ in range(count):
                socket.send(encode(pace.payload()))
            pace.sent(count)
            if count == 0:
                time.sleep(pace.nap())
        pace.done()


def subscribe(
    endpoint: str,
    curve: Curve | None,
    topic: bytes,
    decode: Callable[[bytes], bytes | str] | None,
    load: Load,
    weigh: Callable[[bytes], int] | None = None,
) -> None:
    """Connections that count; `decode`, if given, finds each payload, which may then be timed; `weigh` says how many
    messages a frame holds, one if not given.
    """
    tally = Tally(load)
    with zmq.Context() as context:
        sockets = _connect(context, endpoint, curve, topic, load.connections, tally)
        poller = zmq.Poller()
        for socket in sockets:
            poller.register(socket, zmq.POLLIN)
        while not tally.over:
            for socket, _ in poller.poll(int(LOOK_S * 1000)):
                _drain(socket, decode, weigh, tally)
        tally.finish()
        for socket in sockets:
            socket.close(0)


def _drain(
    socket: zmq.Socket[bytes],
    decode: Callable[[bytes], bytes | str] | None,
    weigh: Callable[[bytes], int] | None,
    tally: Tally,
    most: int = 500,
) -> None:
    count = 0
    try:
        for _ in range(most):
            frame = socket.recv(zmq.NOBLOCK)
            if decode:
                tally.take(decode(frame))
            count += weigh(frame) if weigh else 1
    except zmq.Again:
        pass
    if not decode:
        tally.add(count)


def _connect(
    context: zmq.Context[zmq.Socket[bytes]],
    endpoint: str,
    curve: Curve | None,
    topic: bytes,
    connections: int,
    tally: Tally,
) -> Sequence[zmq.Socket[bytes]]:
    context.set(zmq.MAX_SOCKETS, 4096)
    sockets, monitors = [], zmq.Poller()
    tally.begin()
    scheme, _, address = endpoint.partition("://")
    for first in range(0, connections, CONNECTIONS_PER_SOCKET):
        socket = context.socket(zmq.SUB)
        socket.rcvhwm = 0
        socket.handshake_ivl = 60_000
        if curve:
            curve.apply(socket)
        socket.subscribe(topic)
        monitors.register(socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED), zmq.POLLIN)
        for number in range(first, min(first + CONNECTIONS_PER_SOCKET, connections)):
            # libzmq ignores a second connect to the same endpoint; another source address makes it another.
            source = f"127.1.{number // 200}.{number % 200 + 1}"
            socket.connect(f"{scheme}://{source}:0;{address}")
        sockets.append(socket)
    ready = 0
    while ready < connections and not tally.over:
        for monitor, _ in monitors.poll(int(LOOK_S * 1000)):
            recv_monitor_message(monitor)
            ready += 1
            tally.ready()
    for socket in sockets:
        socket.disable_monitor()
    return sockets
