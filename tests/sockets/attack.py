"""What the hostile tests share: a bystander to keep undisturbed, clients that speak raw, and what may be left."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec
import zmq
from nacl.bindings import (
    crypto_box,
    crypto_box_afternm,
    crypto_box_beforenm,
    crypto_box_keypair,
    crypto_box_open,
)
from nacl.signing import SigningKey
from zmq.utils import z85

from sandpiper.common import control
from sandpiper.common.io.sockets import CurveKeys, calling, context
from sandpiper.common.keys import sign_enrolment
from sandpiper.common.limits import VERSION
from sandpiper.peer import Room, connect
from sandpiper.peer.events import Received
from sandpiper.peer.profile import Profile
from tests.sockets.running import DEADLINE_S, Lines, RunningBroker

T = TypeVar("T")
MIB = 1024 * 1024
PROMPT_S = 10.0
"""A round trip beside other work; one that is held up waits for a deadline, half a minute away."""
_PROBE = b"probe/"
_PROBE_AGAIN_MS = 200
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00"
NULL_GREETING = GREETING + b"NULL".ljust(20, b"\0") + bytes(32)
CURVE_GREETING = GREETING + b"CURVE".ljust(20, b"\0") + bytes(32)


def until(condition: Callable[[], T], within_s: float = DEADLINE_S) -> T:
    """What `condition` gives once that is true."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s"
        threading.Event().wait(0.01)
    return found


def stopped(broker: RunningBroker) -> tuple[str, str]:
    """Stops the broker; what it said on stderr and what it logged. It must end well."""
    if broker.process.poll() is None:
        broker.process.send_signal(signal.SIGTERM)
    _, stderr = broker.process.communicate(timeout=DEADLINE_S)
    log = broker.data / "broker.log"
    said = stderr.decode(errors="replace"), log.read_text("utf-8", "replace") if log.exists() else ""
    assert broker.process.returncode == 0, said
    return said


def unruffled(broker: RunningBroker) -> None:
    """Stops the broker: it ends well, stderr is empty, and the log has one line for each thing that happened."""
    stderr, log = stopped(broker)
    assert not stderr, stderr[:4000]
    assert "Traceback" not in log, log[:4000]
    assert not [line for line in log.splitlines() if line.startswith((" ", "\t"))], log[:4000]


class Loop:
    """An event loop in a thread of its own, for the library."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], within_s: float = DEADLINE_S) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within_s)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE_S)
        self.loop.close()


class Bystander:
    """A member by the library and a JSON-lines client, in one room, that must always get through to each other."""

    def __init__(self, broker: RunningBroker, room: str = "quiet", access_code: str | None = None) -> None:
        self._loop = Loop()
        self._count = 0
        self._room = room
        self.worst_s = 0.0
        try:
            self._member: Room = connect(
                f"{broker.door}/{room}", nick="member", profile=Profile.ephemeral(), access_code=access_code
            )
            self._loop.run(self._member.__aenter__())
            self._lines = Lines(broker)
            hello = {"type": "hello", "v": 1, "room": room, "nick": "liner"}
            self._lines.say(**hello, **({"access_code": access_code} if access_code else {}))
            self._lines.hear_until("joined")
        except BaseException:
            self._loop.close()
            raise

    def round_trip(self, within_s: float = PROMPT_S) -> float:
        """Each says something and hears both; the seconds it took."""
        begun = time.monotonic()
        self._count += 1
        mine, theirs = f"from the member {self._count}", f"from the line {self._count}"
        self._loop.run(self._say_and_hear(mine), within_s)
        self._lines.say(type="msg", text=theirs, id=f"b{self._count}", room=self._room)
        wanted = {mine, theirs}
        while wanted:
            wanted.discard(str(self._lines.hear().get("text")))
            assert time.monotonic() - begun < within_s, f"the bystander was held up over {within_s} s"
        self._loop.run(self._hear(theirs), within_s)
        took = time.monotonic() - begun
        self.worst_s = max(self.worst_s, took)
        assert took < within_s, f"the bystander was held up for {took:.1f} s"
        return took

    async def _say_and_hear(self, text: str) -> None:
        await self._member.send(text)
        await self._hear(text)

    async def _hear(self, text: str) -> None:
        async for event in self._member:
            if isinstance(event, Received) and getattr(event.message, "text", "") == text:
                return

    def close(self) -> None:
        try:
            self._lines.close()
            self._loop.run(self._member.close())
        finally:
            self._loop.close()


@contextmanager
def bystander(broker: RunningBroker, room: str = "quiet", access_code: str | None = None) -> Iterator[Bystander]:
    """One that gets through at the beginning and at the end."""
    made = Bystander(broker, room, access_code)
    try:
        made.round_trip()
        yield made
        made.round_trip()
    finally:
        made.close()


@contextmanager
def modest(broker: RunningBroker, most_bytes: int = 150 * MIB) -> Iterator[None]:
    """The broker's memory grows by less than this, watched all the time."""
    before, peak, done = broker.memory_bytes(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            try:
                peak = max(peak, broker.memory_bytes())
            except (OSError, IndexError):  # it has died: the test will notice
                return
            done.wait(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    grown = peak - before
    assert grown < most_bytes, f"grew by {grown // MIB} MiB, from {before // MIB} MiB"


def reset(connection: socket.socket) -> None:
    """Closes with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def quiet(connection: socket.socket, within_s: float) -> bool:
    """Whether nothing comes within so long."""
    return not select.select([connection], [], [], within_s)[0]


class Wire:
    """A raw TCP connection."""

    def __init__(self, host: str, port: int, first: bytes = b"", receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(DEADLINE_S)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.connect((host, port))
        self.send(first)

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Hangs up at once: what is under way is lost, and the other end sees an error."""
        reset(self._socket)

    def quiet(self, within_s: float) -> bool:
        """Whether nothing comes within so long."""
        return quiet(self._socket, within_s)

    def send(self, data: bytes) -> bool:
        """Whether the other end still takes it."""
        try:
            self._socket.sendall(data)
        except (ConnectionError, TimeoutError):
            return False
        return True

    def some(self, data: bytes, within_s: float = 0.0) -> int:
        """How many of these bytes go off without waiting for longer; -1 when the other end has gone."""
        self._socket.settimeout(within_s)
        try:
            return self._socket.send(data)
        except (BlockingIOError, TimeoutError):
            return 0
        except ConnectionError:
            return -1
        finally:
            self._socket.settimeout(DEADLINE_S)

    def read(self, count: int) -> bytes:
        """So many bytes; fewer at the end of the stream."""
        data = b""
        while len(data) < count:
            try:
                more = self._socket.recv(count - len(data))
            except ConnectionError:
                break
            if not more:
                break
            data += more
        return data

    def rest(self) -> bytes:
        """What comes until the other end closes; fails after DEADLINE_S of silence."""
        return self.read(1 << 30)

    def end(self) -> None:
        """Says that no more will come."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return


# ZMTP 3 by hand ----------------------------------------------------------------------------------------------


def zmtp(body: bytes, *, more: bool = False, command: bool = False) -> bytes:
    """One frame."""
    flags = (1 if more else 0) | (4 if command else 0)
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body


def frame_from(read: Callable[[int], bytes]) -> bytes:
    """One frame's body; empty at the end of the stream."""
    head = read(2)
    if len(head) < 2:
        return b""
    return read(struct.unpack(">Q", head[1:] + read(7))[0] if head[0] & 2 else head[1])


def metadata(**properties: bytes) -> bytes:
    """ZMTP's metadata; `_` in a name stands for `-`."""
    return b"".join(
        bytes([len(name)]) + name.replace("_", "-").encode() + struct.pack(">I", len(value)) + value
        for name, value in properties.items()
    )


def null_ready(kind: str, **properties: bytes) -> bytes:
    """A NULL client's READY."""
    return zmtp(b"\x05READY" + metadata(Socket_Type=kind.encode(), **properties), command=True)


def plain_end(broker: RunningBroker, port: str, kind: str, receive_buffer: int | None = None) -> Wire:
    """A plain ZeroMQ end of this kind, past the handshake. (libzmq closes on whoever speaks on before that.)"""
    wire = Wire(broker.host, plain_port(broker, port), NULL_GREETING, receive_buffer)
    greeting = wire.read(64)
    assert len(greeting) == 64, greeting
    wire.send(null_ready(kind))
    head = wire.read(2)
    assert b"READY" in wire.read(head[1])
    return wire


class RawCurve:
    """A CURVE client by hand (RFC 26), which says in its handshake whatever a test wants."""

    def __init__(
        self,
        host: str,
        port: int,
        keys: CurveKeys,
        server_key: bytes,
        kind: str,
        *,
        properties: dict[str, bytes] | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        self.wire = Wire(host, port, CURVE_GREETING, receive_buffer)
        self._nonce = 0
        public, secret = crypto_box_keypair()
        greeting = self.wire.read(64)
        assert len(greeting) == 64, greeting
        hello = crypto_box(bytes(64), b"CurveZMQHELLO---" + self._next(), server_key, secret)
        self.wire.send(zmtp(b"\x05HELLO\1\0" + bytes(72) + public + self._short + hello, command=True))
        welcome = self.frame()
        assert welcome[:8] == b"\x07WELCOME"
        opened = crypto_box_open(welcome[24:], b"WELCOME-" + welcome[8:24], server_key, secret)
        self._server, cookie = opened[:32], opened[32:]
        vouch_nonce = os.urandom(16)
        vouch = crypto_box(public + server_key, b"VOUCH---" + vouch_nonce, self._server, keys.secret)
        said = keys.public + vouch_nonce + vouch + metadata(**{"Socket_Type": kind.encode(), **(properties or {})})
        self._shared = crypto_box_beforenm(self._server, secret)
        box = crypto_box(said, b"CurveZMQINITIATE" + self._next(), self._server, secret)
        self.wire.send(zmtp(b"\x08INITIATE" + cookie + self._short + box, command=True))
        self.ready = self.frame()

    @property
    def admitted(self) -> bool:
        """Whether the server is READY."""
        return self.ready[:6] == b"\x05READY"

    def message(self, body: bytes, flags: int = 0) -> bytes:
        """A MESSAGE for this connection; flag 1 says that more parts come, flag 2 that it is a command."""
        box = crypto_box_afternm(bytes([flags]) + body, b"CurveZMQMESSAGEC" + self._next(), self._shared)
        return zmtp(b"\x07MESSAGE" + self._short + box)

    def send(self, body: bytes, flags: int = 0) -> bool:
        return self.wire.send(self.message(body, flags))

    def _next(self) -> bytes:
        self._nonce += 1
        self._short = struct.pack(">Q", self._nonce)
        return self._short

    def frame(self) -> bytes:
        """The next from the other end, as it is on the wire; empty once that has gone."""
        return frame_from(self.wire.read)


class RawServer:
    """A CURVE server by hand (RFC 26), which says whatever a test wants to the first who connects."""

    def __init__(self, keys: CurveKeys, kind: str = "XPUB") -> None:
        self.keys = keys
        self._kind = kind
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._nonce = 0

    def accept(self) -> None:
        """The handshake, with the first that does more than look."""
        while True:
            self._wire, _ = self._listening.accept()
            self._wire.settimeout(DEADLINE_S)
            with suppress(ConnectionError):
                self._wire.sendall(CURVE_GREETING[:32] + b"\1" + CURVE_GREETING[33:])
                if len(self._read(64)) == 64:
                    break
            self._wire.close()
        hello = self.frame()
        client = hello[6 + 2 + 72 : 6 + 2 + 72 + 32]
        public, self._secret = crypto_box_keypair()
        nonce = os.urandom(16)
        box = crypto_box(public + bytes(96), b"WELCOME-" + nonce, client, self.keys.secret)
        self._wire.sendall(zmtp(b"\x07WELCOME" + nonce + box, command=True))
        initiate = self.frame()
        short = initiate[9 + 96 : 9 + 96 + 8]
        crypto_box_open(initiate[9 + 96 + 8 :], b"CurveZMQINITIATE" + short, client, self._secret)
        self._shared = crypto_box_beforenm(client, self._secret)
        self._nonce += 1
        short = struct.pack(">Q", self._nonce)
        box = crypto_box(
            metadata(**{"Socket-Type": self._kind.encode()}), b"CurveZMQREADY---" + short, client, self._secret
        )
        self._wire.sendall(zmtp(b"\x05READY" + short + box, command=True))

    def message(self, body: bytes, flags: int = 0) -> bytes:
        """A MESSAGE for this connection."""
        self._nonce += 1
        short = struct.pack(">Q", self._nonce)
        return zmtp(
            b"\x07MESSAGE"
            + short
            + crypto_box_afternm(bytes([flags]) + body, b"CurveZMQMESSAGES" + short, self._shared)
        )

    def send(self, body: bytes, flags: int) -> bool:
        return self.say(self.message(body, flags))

    def say(self, data: bytes) -> bool:
        """Whether the other end still takes it."""
        try:
            self._wire.sendall(data)
        except OSError:
            return False
        return True

    def quiet(self, within_s: float) -> bool:
        """Whether nothing comes within so long."""
        return quiet(self._wire, within_s)

    def reset(self) -> None:
        """Hangs up at once."""
        reset(self._wire)

    def close(self) -> None:
        self._wire.close()
        self._listening.close()

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count and (some := self._wire.recv(count - len(data))):
            data += some
        return data

    def frame(self) -> bytes:
        """The next from the other end, as it is on the wire; empty once that has gone."""
        return frame_from(self._read)


# Control by hand ---------------------------------------------------------------------------------------------


class Caller:
    """A CURVE DEALER at the front door that asks for what it likes."""

    def __init__(
        self, broker: RunningBroker, keys: CurveKeys | None = None, port: int | None = None, routing_id: bytes = b""
    ) -> None:
        self.broker = broker
        self.keys = keys or CurveKeys.make()
        self.identity = SigningKey.generate()
        self.server_key = z85.decode(broker.ready["key"].encode())
        self.context = context()
        self._made: list[zmq.Socket[bytes]] = []
        self.socket = self.calling(zmq.DEALER)
        if routing_id:
            self.socket.setsockopt(zmq.ROUTING_ID, routing_id)
        self.socket.connect(f"tcp://{broker.host}:{port or broker.port}")
        self._asked = 0

    def __enter__(self) -> Caller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for made in self._made:
            made.close(linger=0)
        self.context.term()

    def calling(self, kind: int, server_key: bytes | None = None) -> zmq.Socket[bytes]:
        """A socket with this caller's key, to be connected."""
        made = calling(self.context, kind, self.keys, server_key or self.server_key)
        made.setsockopt(zmq.RCVTIMEO, int(DEADLINE_S * 1000))
        made.setsockopt(zmq.SNDTIMEO, int(DEADLINE_S * 1000))
        self._made.append(made)
        return made

    def tell(self, request: control.Request | bytes) -> None:
        self.socket.send(request if isinstance(request, bytes) else control.encode(request))

    def hear(self) -> Any:
        return control.decode_answer(self.socket.recv())

    def ask(self, request: control.Request) -> Any:
        """Its reply, passing over events."""
        self._asked += 1
        request.r = self._asked
        self.tell(request)
        while not isinstance(reply := self.hear(), control.Reply) or reply.r != self._asked:
            pass
        return reply

    def event(self, kind: type[T]) -> T:
        """The next event of this type."""
        while not isinstance(event := self.hear(), kind):
            pass
        return event

    def enrolment(self, **other: Any) -> control.Enrol:
        """What enrols this key."""
        signature = sign_enrolment(self.identity, self.server_key, self.keys.public)
        given = {"v": VERSION, "identity": bytes(self.identity.verify_key), "signature": signature, **other}
        return control.Enrol(r=0, **given)

    def enrol(self) -> Caller:
        reply = self.ask(self.enrolment())
        assert isinstance(reply, control.Enrolled), reply
        return self

    def join(self, room: str = "lobby", nick: str = "", **more: Any) -> Any:
        return self.ask(control.Join(r=0, room=room, nick=nick, **more))


class Tool:
    """A plain ZeroMQ tool on this machine: a PUB and a SUB. Once it is made it hears all that is said from then on,
    and nothing of what was said before.
    """

    def __init__(self, broker: RunningBroker, topic: str = "") -> None:
        self._broker = broker
        self.context = context()
        self.pub = self.context.socket(zmq.XPUB)  # as PUB, and shows when the other end has subscribed
        self.sub = self.context.socket(zmq.SUB)
        for socket_ in (self.pub, self.sub):
            socket_.setsockopt(zmq.RCVTIMEO, int(DEADLINE_S * 1000))
            socket_.setsockopt(zmq.LINGER, 0)
        self.sub.subscribe(topic)
        self.sub.subscribe(_PROBE)
        self.sub.connect(broker.ready["plain_xpub"])
        self.pub.connect(broker.ready["plain_xsub"])
        self.pub.recv()
        self._settle()

    def __enter__(self) -> Tool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pub.close()
        self.sub.close()
        self.context.term()

    def publish(self, to_room: str, /, **body: Any) -> None:
        self.pub.send(f"{to_room}/msg".encode() + b"\0" + msgspec.msgpack.encode({"type": "msg", **body}))

    def hear(self) -> dict[str, Any]:
        """The next frame's map."""
        while (frame := self.sub.recv()).startswith(_PROBE):
            pass
        heard: dict[str, Any] = msgspec.msgpack.decode(frame.partition(b"\0")[2])
        return heard

    def _settle(self) -> None:
        """The two subscriptions go out in order: who hears a probe hears the topic too, and the bus says in order
        what it was told, so what was said before is out of the way.
        """
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            self.publish("probe", text="is this heard?")
            while self.sub.poll(_PROBE_AGAIN_MS):
                if self.sub.recv().startswith(_PROBE):
                    return
        raise AssertionError("the bus is not heard")


def plain_port(broker: RunningBroker, which: str = "plain_xsub") -> int:
    """The port of one of the bus's sockets."""
    return int(broker.ready[which].rpartition(":")[2])


def hello(broker: RunningBroker, room: str, nick: str, **more: Any) -> Lines:
    """A JSON-lines client in a room, past its own notice."""
    client = Lines(broker)
    client.say(type="hello", v=1, room=room, nick=nick, **more)
    client.hear_until("joined")
    assert client.hear_until("notice")["nick"] == nick
    return client


def texts(path: Path) -> str:
    """All that lies in a folder, as text."""
    return "".join(file.read_bytes().decode("latin-1") for file in path.rglob("*") if file.is_file())


def dumps(message: object) -> bytes:
    return json.dumps(message).encode() + b"\n"
