"""The pacer: newcomers at a CURVE port begin their handshakes a few at a time, members go on, and everyone comes in."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import zmq

from sandpiper.common.io import pacer as pacer_module
from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.connections import unread
from sandpiper.common.io.descriptor_guard import DescriptorGuard
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.pacer import Hasty, Pacer
from sandpiper.common.io.sockets import CurveKeys, Socket, calling, context, serving
from sandpiper.common.io.zap import Zap
from tests.sockets.attack import CURVE_GREETING
from tests.sockets.running import DEADLINE_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere everyone begins at once")
AT_ONCE = 2
SIGNATURE_BYTES, GREETING_BYTES = 10, 64


class Port:
    """An XPUB as the broker's, with one thread of libzmq for all. `heard` counts what has been subscribed to."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ctx = context(io_threads=1)
        self.own = context(io_threads=1)
        self.keys = CurveKeys.make()
        self.heard: Counter[bytes] = Counter()
        self.admits: Callable[[bytes], bool] = lambda key: True
        self._subscribers: list[Socket] = []
        self.pacer = Pacer(loop)
        self._zap = Zap(loop, self.ctx, {"bus": lambda key: self.admits(key)})
        self._socket = serving(self.ctx, zmq.XPUB, self.keys, "bus")
        self._porter = DescriptorGuard(loop, self._socket, Descriptors(), pacer=self.pacer)
        self._socket.bind("tcp://127.0.0.1:*")
        self._porter.bound()
        self.endpoint = self._socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()  # type: ignore[union-attr]
        self._drain = BatchReader(loop, self._socket, self._subscribed, parts=1, most=100)

    def _subscribed(self, batch: list[list[zmq.Frame]]) -> None:
        self.heard.update(part.bytes[1:] for (part,) in batch)

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.endpoint.rpartition(":")[2])

    def subscriber(self, topic: bytes) -> Socket:
        return self.subscriber_with(CurveKeys.make(), topic)

    def subscriber_with(self, keys: CurveKeys, topic: bytes) -> Socket:
        made = calling(self.own, zmq.SUB, keys, self.keys.public)
        self._subscribers.append(made)
        made.setsockopt(zmq.SUBSCRIBE, topic)
        made.connect(self.endpoint)
        return made

    async def close(self) -> None:
        self._drain.close()
        self._porter.close()
        self.pacer.close()
        self._socket.close()
        self._zap.close()
        await asyncio.get_running_loop().run_in_executor(None, self.ctx.term)
        for each in self._subscribers:
            each.close(linger=0)
        self.own.term()


@asynccontextmanager
async def opened() -> AsyncIterator[Port]:
    port = Port()
    try:
        yield port
    finally:
        await port.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def greeted(port: Port) -> socket.socket:
    """A stranger whom libzmq has accepted, and who has said no more than a greeting."""
    loop = asyncio.get_running_loop()
    stranger = socket.socket()
    stranger.setblocking(False)
    await loop.sock_connect(stranger, port.address)
    await read(stranger, SIGNATURE_BYTES)
    await loop.sock_sendall(stranger, CURVE_GREETING)
    return stranger


async def read(stranger: socket.socket, size: int) -> None:
    loop = asyncio.get_running_loop()
    while size:
        data = await loop.sock_recv(stranger, size)
        assert data
        size -= len(data)


def limit(monkeypatch: pytest.MonkeyPatch, *, turn_s: float) -> None:
    monkeypatch.setattr(pacer_module, "HANDSHAKES", AT_ONCE)
    monkeypatch.setattr(pacer_module, "HANDSHAKE_TURN_S", turn_s)


NEAR = [
    (("127.0.0.1", 5001), ("127.0.0.1", 40000)),
    (("::ffff:127.0.0.1", 5001, 0, 0), ("::ffff:127.0.0.2", 40000, 0, 0)),
    (("192.0.2.1", 5001), ("192.0.2.1", 40000)),
    (("fe80::5", 5001, 0, 2), ("fe80::5", 40000, 0, 2)),
]
FAR = [
    (("192.0.2.1", 5001), ("198.51.100.7", 40000)),
    (("::ffff:10.0.0.5", 5001, 0, 0), ("::ffff:10.0.0.6", 40000, 0, 0)),
    (("2001:db8:1:2::5", 5001, 0, 0), ("2001:db8:1:2::77", 40000, 0, 0)),
    (("fe80::5", 5001, 0, 2), ("fe80::77", 40000, 0, 2)),
]


@pytest.mark.parametrize(("ends", "turn_s"), [(each, 0.1) for each in NEAR] + [(each, 0.025) for each in FAR])
def test_whoever_is_on_another_machine_has_a_shorter_turn(
    monkeypatch: pytest.MonkeyPatch, ends: tuple[object, object], turn_s: float
) -> None:
    monkeypatch.setattr(pacer_module, "ends_of", lambda fd: ends)

    async def run() -> None:
        pacer = Pacer(asyncio.get_running_loop())
        try:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                assert pacer._wake(listener.fileno()) == turn_s
                fd = listener.fileno()
            assert pacer._wake(fd) == 0.0
        finally:
            pacer.close()

    asyncio.run(run())


def test_a_newcomer_lies_still_while_others_begin_and_members_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, turn_s=3600.0)

    async def run() -> None:
        async with opened() as port:
            member = port.subscriber(b"first")
            await until(lambda: port.heard[b"first"])
            ahead = [await greeted(port) for _ in range(AT_ONCE)]
            for each in ahead:
                await read(each, GREETING_BYTES - SIGNATURE_BYTES)
            newcomer = await greeted(port)
            await until(lambda: port.pacer.waiting == 1)
            for topic in (b"second", b"third"):  # by the same thread: it has looked at all that lies there
                member.setsockopt(zmq.SUBSCRIBE, topic)
                await until(lambda topic=topic: port.heard[topic])  # type: ignore[misc]
            assert unread(newcomer.fileno()) == 0
            ahead[0].close()
            await read(newcomer, GREETING_BYTES - SIGNATURE_BYTES)
            assert port.pacer.waiting == 0
            for each in (*ahead, newcomer):
                each.close()

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def test_who_sends_much_before_his_turn_is_shut_out() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        waiting: set[int] = set()
        hasty = Hasty(loop, waiting.__contains__)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 16 * 1024)
            strangers = [socket.create_connection(listener.getsockname()) for _ in range(3)]
            accepted = [listener.accept()[0] for _ in strangers]
        for each in accepted:
            hasty.add(each.fileno())
        early, begun, patient = accepted
        waiting |= {early.fileno(), patient.fileno()}
        hasty.forget(begun.fileno())
        strangers[1].sendall(bytes(20_000))
        strangers[2].sendall(bytes(1_000))
        strangers[0].sendall(bytes(20_000))
        strangers[0].setblocking(False)
        assert await loop.sock_recv(strangers[0], 1) == b"", "hung up on"
        for other, stranger in ((begun, strangers[1]), (patient, strangers[2])):
            other.send(b"x")
            assert stranger.recv(1) == b"x"
        hasty.close()
        for each in (*strangers, *accepted):
            each.close()

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def test_one_that_gives_up_waiting_leaves_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, turn_s=3600.0)

    async def run() -> None:
        async with opened() as port:
            ahead = [await greeted(port) for _ in range(AT_ONCE)]
            newcomer = await greeted(port)
            await until(lambda: port.pacer.waiting == 1)
            newcomer.close()
            await until(lambda: port.pacer.waiting == 0)
            for each in ahead:
                each.close()

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def test_strangers_who_say_nothing_hold_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, turn_s=0.001)

    async def run() -> None:
        async with opened() as port:
            strangers = [await greeted(port) for _ in range(20 * AT_ONCE)]
            port.subscriber(b"in")
            await until(lambda: port.heard[b"in"])
            for each in strangers:
                each.close()

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def test_refused_keys_hold_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, turn_s=3600.0)

    async def run() -> None:
        async with opened() as port:
            member = CurveKeys.make()
            port.admits = member.public.__eq__
            for _ in range(20 * AT_ONCE):
                port.subscriber(b"refused")
            port.subscriber_with(member, b"in")
            await until(lambda: port.heard[b"in"])
            assert not port.heard[b"refused"]

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def test_a_crowd_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, turn_s=3600.0)

    async def run() -> None:
        async with opened() as port:
            for _ in range(50 * AT_ONCE):
                port.subscriber(b"crowd")
            await until(lambda: port.heard[b"crowd"] == 50 * AT_ONCE)
            assert port.pacer.waiting == 0

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))
