"""Whoever fills a queue and hangs up harms nobody.

At a full receive queue libzmq 4.3.5 stops reading; is the connection reset then, its next heartbeat, or a PING among
what it has read already, aborts the process. Nothing of that can be caught, so each end lives in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from zmq.utils import z85

from sandpiper.common import control, rendezvous
from sandpiper.common.io.sockets import CurveKeys
from sandpiper.common.keys import sign_enrolment
from sandpiper.common.lead import CURVE_OVERHEAD
from sandpiper.common.limits import VERSION
from tests.sockets.attack import NULL_GREETING, RawCurve, RawServer, Wire, frame_from, null_ready, unruffled, zmtp
from tests.sockets.running import DEADLINE_S, RunningBroker, RunningDiscovery

PING = b"\4PING\0\0"
CONTEXT = b"is this the last"
PONG_BYTES = len(b"\4PONG" + CONTEXT)
COMMAND = 2
MESSAGES = 6000
"""More than any high-water mark of ours that such a socket had."""
QUIET_S = 2.0
FIRST_ROUTE = 1_681_692_777 | 1 << 31
"""What glibc's rand() gives, if nobody has seeded it, to the second ROUTER of a process, after ZAP's."""
KEYS = CurveKeys.of_secret(bytes(range(32)))  # END's

END = """
import asyncio, sys, zmq
from zmq.utils import z85
from sandpiper.common.io import sockets
from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.zap import Zap

way, kind, port, key = sys.argv[1], getattr(zmq, sys.argv[2]), int(sys.argv[3]), bytes.fromhex(sys.argv[4])

async def main():
    loop, ctx, keys = asyncio.get_running_loop(), sockets.context(), sockets.CurveKeys.of_secret(bytes(range(32)))
    zap = Zap(loop, ctx, {"test": lambda key: True})
    if way == "plain":
        socket = sockets.serving(ctx, kind, None, "")
    elif way == "keyed":
        socket = sockets.serving(ctx, kind, keys, "test")
    else:
        make = sockets.fleeting if way == "fleeting" else sockets.calling
        socket = make(ctx, kind, keys, key, 500)
    monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    if kind == zmq.SUB:
        socket.subscribe(b"")
    if port:
        socket.connect(f"tcp://127.0.0.1:{port}")
    else:
        socket.bind("tcp://127.0.0.1:*")
        print(socket.getsockopt(zmq.LAST_ENDPOINT).decode().rsplit(":")[-1].rstrip("\\0"), flush=True)
    if kind == zmq.XSUB:
        socket.send(b"\\1")
    least = int(await loop.run_in_executor(None, sys.stdin.readline))
    came, gone, turned = 0, False, asyncio.Event()
    def receive(batch):
        nonlocal came
        came += len(batch)
        turned.set()
    def went(batch):
        nonlocal gone
        gone = True
        turned.set()
    drain = BatchReader(loop, socket, receive, parts=2 if kind == zmq.ROUTER else 1, most=500)
    watch = BatchReader(loop, monitor, went, parts=2, most=1)
    while came < least or not gone:
        await asyncio.wait_for(turned.wait(), 10)
        turned.clear()
    print("lives", flush=True)
    drain.close()
    watch.close()
    monitor.close()
    socket.disable_monitor()
    socket.close()
    zap.close()
    ctx.destroy(0)

asyncio.run(main())
"""


@contextmanager
def end(way: str, kind: str, port: int = 0, key: bytes = b"") -> Iterator[subprocess.Popen[str]]:
    """One of our sockets, in a process of its own, that reads nothing until it is told to."""
    command = [sys.executable, "-c", END, way, kind, str(port), key.hex()]
    made = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield made
    finally:
        made.kill()
        made.communicate()


def lives(made: subprocess.Popen[str], all_was_read: bool) -> None:
    """Has it read now: all that was sent, or if that was too much for it, what it has."""
    said, complained = made.communicate(f"{MESSAGES if all_was_read else 0}\n", timeout=DEADLINE_S)
    assert (made.returncode, said, complained) == (0, "lives\n", "")


def fill(speak: Callable[[bytes, int], bytes], send: Callable[[bytes], bool], body: bytes) -> None:
    """Messages, and PINGs between them; the last has a context, so that its PONG shows that all has been read."""
    for _ in range(MESSAGES // 10):
        assert send(speak(body, 0) * 10 if speak is plain else b"".join(speak(body, 0) for _ in range(10)))
        assert send(speak(PING, COMMAND))
    assert send(speak(PING + CONTEXT, COMMAND))


def until_all_is_read(other: RawServer | Wire, frame: Callable[[], bytes], overhead: int) -> bool:
    """Whether it was: who has stopped reading does not answer, and never will."""
    with suppress(ConnectionError):
        while not other.quiet(QUIET_S) and (came := frame()):
            if len(came) >= PONG_BYTES + overhead:
                return True
    return False


def plain(body: bytes, flags: int) -> bytes:
    return zmtp(body, command=bool(flags & COMMAND))


PEERS = {"ROUTER": "DEALER", "DEALER": "ROUTER", "XSUB": "PUB", "SUB": "PUB", "XPUB": "SUB"}
BODIES = {"XPUB": b"\1topic"}


@pytest.mark.parametrize("kind", ["XSUB", "XPUB"])
def test_at_a_plain_socket(kind: str) -> None:
    with end("plain", kind) as made:
        assert made.stdout is not None
        wire = Wire("127.0.0.1", int(made.stdout.readline()), NULL_GREETING[:32] + b"\1" + NULL_GREETING[33:])
        wire.read(64)
        wire.send(null_ready(PEERS[kind]))
        assert b"READY" in frame_from(wire.read)
        fill(plain, wire.send, BODIES.get(kind, b"topic"))
        taken = until_all_is_read(wire, lambda: frame_from(wire.read), 0)
        wire.reset()
        lives(made, taken)


@pytest.mark.parametrize("kind", ["ROUTER", "XSUB", "SUB", "XPUB"])
def test_at_a_keyed_socket(kind: str) -> None:
    with end("keyed", kind) as made:
        assert made.stdout is not None
        raw = RawCurve("127.0.0.1", int(made.stdout.readline()), CurveKeys.make(), KEYS.public, PEERS[kind])
        assert raw.admitted
        fill(raw.message, raw.wire.send, BODIES.get(kind, b"topic"))
        taken = until_all_is_read(raw.wire, raw.frame, CURVE_OVERHEAD)
        raw.wire.reset()
        lives(made, taken)


@pytest.mark.parametrize(
    ("way", "kind"),
    [("calling", "DEALER"), ("calling", "SUB"), ("calling", "XPUB"), ("fleeting", "SUB"), ("fleeting", "XPUB")],
)
def test_by_whom_we_call(way: str, kind: str) -> None:
    server = RawServer(CurveKeys.make(), PEERS[kind])
    try:
        with end(way, kind, server.port, key=server.keys.public) as made:
            server.accept()
            fill(server.message, server.say, BODIES.get(kind, b"topic"))
            taken = until_all_is_read(server, server.frame, CURVE_OVERHEAD)
            server.reset()
            lives(made, taken)
    finally:
        server.close()


# The services ------------------------------------------------------------------------------------------------


@contextmanager
def serving(data: Path, kind: str) -> Iterator[RunningBroker]:
    """A service for the time of a test."""
    service = (RunningDiscovery if kind == "discovery" else RunningBroker)(data / kind)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.kill()


def greeted(service: RunningBroker, key: bytes, kind: str, **properties: bytes) -> RawCurve:
    """A connection at the front door that is past its first request."""
    keys = CurveKeys.make()
    raw = RawCurve(service.host, service.port, keys, key, "DEALER", properties=properties)
    assert raw.admitted
    if kind == "discovery":
        raw.send(rendezvous.encode(rendezvous.Greet(r=1, v=VERSION)))
    else:
        identity = SigningKey.generate()
        signature = sign_enrolment(identity, key, keys.public)
        raw.send(
            control.encode(control.Enrol(r=1, v=VERSION, identity=bytes(identity.verify_key), signature=signature))
        )
    assert raw.frame()
    return raw


@pytest.mark.parametrize("kind", ["discovery", "broker"])
def test_a_stranger_who_claims_the_routing_ids_that_come_next(tmp_path: Path, kind: str) -> None:
    """libzmq gives each connection the next number, and ends the process if somebody has it already."""
    with serving(tmp_path, kind) as service:
        key = z85.decode(service.ready["key"].encode())
        claims = [bytes(1) + (FIRST_ROUTE + number).to_bytes(4, "big") for number in range(40)]
        crowd = [greeted(service, key, kind, Identity=claim) for claim in claims]
        for _ in range(len(claims)):
            greeted(service, key, kind).wire.close()
        for each in crowd:
            each.wire.close()
        unruffled(service)


@pytest.mark.parametrize(("kind", "strangers", "requests"), [("discovery", 20, 1500), ("broker", 8, 6000)])
def test_strangers_who_ask_much_and_hang_up_without_reading(
    tmp_path: Path, kind: str, strangers: int, requests: int
) -> None:
    with serving(tmp_path, kind) as service:
        key = z85.decode(service.ready["key"].encode())
        ping = rendezvous.encode(rendezvous.Ping(r=2)) if kind == "discovery" else control.encode(control.Ping(r=2))
        turn = [(ping, 0)] * 7 + [(PING, COMMAND)]
        crowd = [greeted(service, key, kind) for _ in range(strangers)]
        said = [b"".join(each.message(*turn[n % 8]) for n in range(requests)) for each in crowd]
        for each, much in zip(crowd, said, strict=True):
            each.wire.send(much)
            each.wire.end()  # after a reset nobody would read what is on its way
        for _ in range(3):  # each waits its turn behind all that
            greeted(service, key, kind).wire.close()
        for each in crowd:
            each.wire.close()
        unruffled(service)
