"""Bare PUB and SUB sockets with CURVE, from Python: what rooms between peers would cost if they did nothing more."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import zmq

from bench import process
from bench.board import LOOK_S, Load, Pace, Tally
from bench.peers.base import Peer, lacks

PATIENCE_MS: Final = 10_000
DRAINED: Final = 500


class Bare(Peer):
    """No broker: the publisher binds, each subscriber is a SUB socket of its own."""

    module = "bench.peers.bare"

    def missing(self) -> str | None:
        return lacks(modules=("zmq",))

    def start(self, folder: Path) -> None:
        public, secret = zmq.curve_keypair()
        endpoint = f"tcp://127.0.0.1:{process.free_port()}"
        self.where = {"endpoint": endpoint, "public": public.decode(), "secret": secret.decode()}


def publish(where: dict[str, Any], load: Load) -> None:
    """One frame a message. An XPUB, so that it knows when everybody listens."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.sndhwm = 0  # the window is the bound
        socket.linger = 2000
        socket.xpub_verbose = True
        socket.curve_server = True
        socket.curve_secretkey = where["secret"].encode()
        socket.bind(where["endpoint"])
        for _ in range(load.connections):
            if not socket.poll(PATIENCE_MS):
                raise TimeoutError("not all have subscribed")
            socket.recv()
        pace = Pace(load)
        pace.ready()
        while (count := pace.allowance()) >= 0:
            for _ in range(count):
                socket.send(pace.payload())
            pace.sent(count)
            if count == 0:
                time.sleep(pace.nap())
        pace.done()


def subscribe(where: dict[str, Any], load: Load) -> None:
    """Sockets that take each message to Python and count it."""
    tally = Tally(load)
    poller = zmq.Poller()
    with zmq.Context() as context:
        sockets = [_connect(context, where) for _ in range(load.connections)]
        for socket in sockets:
            poller.register(socket, zmq.POLLIN)
        tally.ready(load.connections)
        while not tally.over:
            for ready, _ in poller.poll(int(LOOK_S * 1000)):
                _drain(ready, load, tally)
        tally.finish()
        for socket in sockets:
            socket.close(0)


def _connect(context: zmq.Context[zmq.Socket[bytes]], where: dict[str, Any]) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.SUB)
    socket.rcvhwm = 0
    socket.reconnect_ivl = 10  # the publisher comes last
    socket.curve_serverkey = where["public"].encode()
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
    socket.subscribe(b"")
    socket.connect(where["endpoint"])
    return socket


def _drain(socket: zmq.Socket[bytes], load: Load, tally: Tally) -> None:
    count = 0
    try:
        for _ in range(DRAINED):
            payload = socket.recv(zmq.NOBLOCK)
            if load.latencies:
                tally.take(payload)
            else:
                count += 1
    except zmq.Again:
        pass
    tally.add(count)
