"""A thermometer in a room, with nothing but pyzmq and msgpack.

    python thermo.py XSUB XPUB ROOM NICK [COUNT]
    python thermo.py tcp://127.0.0.1:5011 tcp://127.0.0.1:5012 lobby thermo 3

Publishes COUNT readings, each when the one before has come back, and prints what the room says until its own
last reading has come back too. Exits 1 when that takes longer than ten seconds.
"""

from __future__ import annotations

import secrets
import sys
import time
from typing import Any

import msgpack
import zmq

DEADLINE_S = 10.0
KNOCK_MS = 250


def pack(room: str, kind: str, **fields: object) -> bytes:
    """One bus frame: topic, NUL, msgpack map. One frame a message, never two."""
    body: bytes = msgpack.packb({"type": kind, **fields})
    return f"{room}/{kind}".encode() + b"\0" + body


def unpack(frame: bytes) -> dict[str, Any]:
    """The map behind the first NUL."""
    fields: dict[str, Any] = msgpack.unpackb(frame.partition(b"\0")[2], strict_map_key=False)
    return fields


def show(text: str) -> str:
    """Text from strangers may hold escape codes; a terminal must not see them."""
    return "".join(char if char.isprintable() else "?" for char in text)


def receive(socket: zmq.Socket[bytes], deadline: float, at_most_ms: float = float("inf")) -> bytes | None:
    """The next frame, or None after `at_most_ms`. Exits 1 when the deadline is over."""
    left_ms = (deadline - time.monotonic()) * 1000
    if left_ms <= 0:
        sys.exit("thermo: no answer within ten seconds; is the broker there?")
    if socket.poll(max(1, int(min(left_ms, at_most_ms)))):
        return socket.recv()
    return None


def run(xsub: str, xpub: str, room: str, nick: str, count: int) -> None:
    """Joins, publishes `count` readings, prints the room meanwhile."""
    deadline = time.monotonic() + DEADLINE_S
    run_id = secrets.token_hex(8)
    with zmq.Context() as context, context.socket(zmq.SUB) as hear, context.socket(zmq.XPUB) as speak:
        hear.linger = speak.linger = 0
        # With the slash: topics match by prefix, and `lobby` would hear `lobby2` too.
        hear.subscribe(room + "/")
        hear.connect(xpub)

        # A PUB drops what it sends before the other side's subscription has arrived, and says nothing. An
        # XPUB is a PUB that shows the subscriptions: a frame that begins with 1. Wait for that, never sleep.
        speak.connect(xsub)
        while (receive(speak, deadline) or b"")[:1] != b"\1":
            pass

        # Our own subscription has no receipt. So we knock, with something programs may want to know, until we
        # hear it.
        heard = False
        while not heard:
            knock = secrets.token_hex(8)
            speak.send(pack(room, "data", nick=nick, id=knock, value={"sensor": nick, "unit": "C"}))
            while not heard and (frame := receive(hear, deadline, KNOCK_MS)) is not None:
                heard = unpack(frame).get("id") == knock

        for number in range(1, count + 1):
            own = f"{run_id}-{number}"
            speak.send(pack(room, "msg", nick=nick, id=own, text=f"{21 + number / 10:.1f} C"))
            back = False
            while not back:  # what comes back is stored: the echo is the acknowledgement
                frame = receive(hear, deadline)
                if frame is not None and frame.startswith(f"{room}/msg\0".encode()):
                    message = unpack(frame)
                    print(f"{show(message['nick'])}: {show(message['text'])}", flush=True)
                    back = message["id"] == own


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit("usage: thermo.py XSUB XPUB ROOM NICK [COUNT]")
    xsub, xpub, room, nick, *count = sys.argv[1:]
    run(xsub, xpub, room, nick, int(count[0]) if count else 3)
