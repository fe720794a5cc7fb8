"""A bare zmq_proxy, XSUB to XPUB, in C: what any checking broker on ZeroMQ is to be measured against.

Run as a module it is the proxy itself, with its server key (or nothing) as its argument: libzmq's own loop in
a process of its own. No checks, no stamps, no store, and with CURVE any client is let in.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import zmq

from bench import process
from bench.board import Load
from bench.peers import sockets
from bench.peers.base import Peer, lacks

TOPIC = b"lobby/msg\0"
QUIET = b"quiet/msg\0"
FRAME_BYTES = {False: 232, True: 275}
"""What our broker sends for a 100-byte text, from a tool and from a keyed member: the proxy moves as much."""
HIGH_WATER = 100_000


class Proxy(Peer):
    """zmq_proxy; its frames are as large as our stamped ones, but come so from the publisher."""

    module = "bench.peers.proxy"

    def __init__(self, name: str, *, curve: bool = False, subscriber: str = "subscribe") -> None:
        super().__init__(name, subscriber=subscriber)
        self._curve = curve

    def missing(self) -> str | None:
        return lacks(modules=("zmq",))

    def start(self, folder: Path) -> None:
        public, secret = zmq.curve_keypair() if self._curve else (b"", b"")
        log = folder / "broker.log"
        command = [sys.executable, "-m", self.module, secret.decode()]
        self.broker = process.start(command, log, stdout=subprocess.PIPE)
        self.where = {**process.first_line(self.broker, log), "key": public.decode()}
        self.where["pad"] = FRAME_BYTES[self._curve] - len(TOPIC)


def _curve(where: dict[str, Any]) -> sockets.Curve | None:
    return sockets.Curve(where["key"].encode(), *zmq.curve_keypair()) if where["key"] else None


def publish(where: dict[str, Any], load: Load) -> None:
    """The payload behind the topic, and padding."""
    pad = where["pad"]
    sockets.publish(where["xsub"], _curve(where), lambda payload: TOPIC + payload.ljust(pad, b"x"), load)


def subscribe(where: dict[str, Any], load: Load) -> None:
    """SUB sockets that count."""
    sockets.subscribe(where["xpub"], _curve(where), TOPIC, None, load)


def subscribe_timed(where: dict[str, Any], load: Load) -> None:
    """SUB sockets that look into each message for its time."""
    sockets.subscribe(where["xpub"], _curve(where), TOPIC, lambda frame: frame[len(TOPIC) :], load)


def crowd(where: dict[str, Any], load: Load) -> None:
    """Many SUB connections at once, to a topic on which nobody speaks."""
    sockets.subscribe(where["xpub"], _curve(where), QUIET, None, load)


def main() -> None:
    """The proxy."""
    secret = sys.argv[1].encode()
    context = zmq.Context()
    doors = {}
    for name, kind in (("xsub", zmq.XSUB), ("xpub", zmq.XPUB)):
        door = doors[name] = context.socket(kind)
        door.sndhwm = door.rcvhwm = HIGH_WATER
        door.backlog = 4096
        if secret:
            door.curve_server = True
            door.curve_secretkey = secret
        door.bind("tcp://127.0.0.1:*")
    print(
        json.dumps({name: door.getsockopt_string(zmq.LAST_ENDPOINT) for name, door in doors.items()}),
        flush=True,
    )
    zmq.proxy(doors["xsub"], doors["xpub"])


if __name__ == "__main__":
    main()
