"""The front door on real loopback sockets, with a real CURVE ROUTER behind its splice."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
import zmq
import zmq.asyncio

from sandpiper.bridge.client import RoomClient
from sandpiper.common import connection_limits
from sandpiper.common.io import door_connection as door_module
from sandpiper.common.io import inner_endpoint as inner_module
from sandpiper.common.io import line_side, splice
from sandpiper.common.io.batch_reader import BatchReader
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.front_door import FrontDoor
from sandpiper.common.io.inner_endpoint import InnerEndpoint
from sandpiper.common.io.sockets import CurveKeys, calling, context, serving
from sandpiper.common.io.splice import Splice
from sandpiper.common.io.zap import Zap
from sandpiper.common.limits import BRIDGE_BACKLOG_BYTES, SPLICE_AHEAD_BYTES, SPLICE_STRANGER_BYTES
from tests.bridge.rooms import MemoryRooms

DEADLINE_S = 10.0
T = TypeVar("T")
posix = pytest.mark.skipif(sys.platform == "win32", reason="ipc:// and /proc")


async def soon(awaited: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaited, DEADLINE_S)


async def until(condition: Callable[[], object]) -> None:
    async def turn() -> None:
        while not condition():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.002)

    await soon(turn())


class Echo:
    """A control that answers each request with itself, and admits who says `enrol`."""

    def __init__(self, ctx: zmq.Context[Any], inner: InnerEndpoint) -> None:
        loop = asyncio.get_running_loop()
        self.keys = CurveKeys.make()
        self.inner = inner
        self.splices: dict[str, Splice] = {}
        self.closed: list[Splice] = []
        self.addresses: list[str] = []
        self._zap = Zap(loop, ctx, {"control": lambda key: True})
        self._router = serving(ctx, zmq.ROUTER, self.keys, "control")
        self._router.bind(inner.endpoint)
        self._drain = BatchReader(loop, self._router, self._receive, parts=2, most=100)

    def spliced(self, made: Splice) -> None:
        self.splices[made.name] = made

    def _receive(self, batch: list[list[zmq.Frame]]) -> None:
        for route, body in batch:
            made = self.splices[self.inner.name_of(int(body.get(zmq.SRCFD))) or ""]
            made.surfaced(len(body))
            if body.bytes == b"enrol":
                made.admit()
            self.addresses.append(made.address)
            with suppress(zmq.ZMQError):
                self._router.send_multipart([route.bytes, body.bytes])
        self._drain.poll()

    def close(self) -> None:
        self._drain.close()
        self._router.close()
        self._zap.close()


class House:
    """All of it, and what a test asks of it."""

    def __init__(self, rooms: MemoryRooms, door: FrontDoor, echo: Echo, ctx: zmq.Context[Any]) -> None:
        self.rooms = rooms
        self.door = door
        self.echo = echo
        self._ctx = ctx
        self._open: list[asyncio.StreamWriter] = []

    async def connect(self, first: bytes = b"", **more: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await soon(asyncio.open_connection("127.0.0.1", self.door.port, **more))
        self._open.append(writer)
        writer.write(first)
        return reader, writer

    def dealer(self) -> zmq.asyncio.Socket:
        made = calling(self._ctx, zmq.DEALER, CurveKeys.make(), bytes(self.echo.keys.public))
        made.connect(f"tcp://127.0.0.1:{self.door.port}")
        return zmq.asyncio.Socket(made)

    async def leave(self) -> None:
        for writer in self._open:
            writer.close()
            with suppress(OSError):
                await soon(writer.wait_closed())


@asynccontextmanager
async def house(rooms: MemoryRooms | None = None) -> AsyncIterator[House]:
    ctx, inner, rooms = context(), InnerEndpoint(), rooms or MemoryRooms()
    echo = Echo(ctx, inner)
    door = FrontDoor(
        lines=lambda address, seq: RoomClient(rooms, address, since=seq),
        mark=lambda: rooms.newest("lobby", 0),
        inner=inner,
        on_splice=echo.spliced,
        on_splice_closed=echo.closed.append,
        greeting="a sandpiper broker",
        descriptors=Descriptors(),
    )
    await door.open(["127.0.0.1"], 0)
    made = House(rooms, door, echo, ctx)
    try:
        yield made
    finally:
        await made.leave()
        await door.close()
        echo.close()
        inner.close()
        await asyncio.get_running_loop().run_in_executor(None, ctx.destroy, 0)


def run(test: Callable[[House], Coroutine[Any, Any, None]], rooms: MemoryRooms | None = None) -> None:
    async def inside() -> None:
        async with house(rooms) as made:
            await test(made)

    asyncio.run(inside())


async def line(reader: asyncio.StreamReader) -> dict[str, Any]:
    told = json.loads(await soon(reader.readline()))
    assert isinstance(told, dict)
    return told


async def line_of(reader: asyncio.StreamReader, kind: str) -> dict[str, Any]:
    while True:
        told = await line(reader)
        if told["type"] == kind:
            return told


# What the first byte says --------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [b"", b"  ", b"\n"])
def test_json_lines(first: bytes) -> None:
    async def test(house: House) -> None:
        reader, writer = await house.connect(first + b'{"type":"hello","v":1}\n')
        assert (await line_of(reader, "welcome"))["ticket"] == "ticket for 127.0.0.1"
        writer.write(b'{"type":"pi')
        writer.write(b'ng"}\n')
        assert (await line_of(reader, "pong"))["type"] == "pong"
        assert house.door.counters.lines == 1

    run(test)


def test_a_silent_client_is_an_original_one() -> None:
    async def test(house: House) -> None:
        reader, writer = await house.connect()
        assert (await asyncio.wait_for(reader.readline(), 1)).startswith(b'{"type":"notice","text":"anon joined"')
        writer.write(b"hello?\n")
        assert (await line(reader))["text"] == "invalid json"

    run(test)


def test_what_is_said_while_a_silent_client_is_not_known_for_one_is_kept_for_it() -> None:
    async def test(house: House) -> None:
        member, said = await house.connect(b'{"type":"hello","v":1,"room":"lobby"}\n')
        await line_of(member, "joined")
        reader, _ = await house.connect()
        while house.door.connections < 2:  # noqa: ASYNC110  # it tells nobody; run has a deadline
            await asyncio.sleep(0)
        said.write(b'{"type":"msg","text":"welcome"}\n')
        await line_of(member, "ack")
        assert (await line_of(reader, "msg"))["text"] == "welcome"

    run(test)


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00", b"SSH-2.0-x\r\n", b"\0" * 50_000]
)
def test_others_are_told_where_they_are(first: bytes) -> None:
    async def test(house: House) -> None:
        reader, _ = await house.connect(first)
        told = await line(reader)
        assert list(told) == ["type", "text", "ts"]
        assert told["text"] == "this is a sandpiper broker: speak JSON lines or ZeroMQ (ZMTP 3)"
        assert await soon(reader.read()) == b""
        assert house.door.counters.foreign == 1

    run(test)


def test_who_only_looks_in_leaves_no_trace() -> None:
    async def test(house: House) -> None:
        _, writer = await house.connect()
        writer.close()
        await until(lambda: house.door.connections == 0)
        assert not house.rooms.held
        assert house.door.counters.lines == 0

    run(test)


def test_a_greeting_that_was_long_on_its_way_is_asked_for_again() -> None:
    async def test(house: House) -> None:
        reader, writer = await house.connect()
        await line(reader)
        writer.write(b"\xff\0\0\0\0\0\0\0\1\x7f")
        with suppress(ConnectionResetError):
            assert await soon(reader.read()) == b""
        await until(lambda: house.rooms.departed)

    run(test)


# The splice ----------------------------------------------------------------------------------------------------


def test_zeromq_through_the_splice() -> None:
    async def test(house: House) -> None:
        dealer = house.dealer()
        for body in (b"hello", b"enrol", b"x" * 1_000_000):
            await soon(dealer.send(body))
            assert await soon(dealer.recv()) == body
        assert house.echo.addresses == ["127.0.0.1"] * 3
        (made,) = house.echo.splices.values()
        assert made.lead.octets == made.lead.frames == 0
        assert house.door.connection_limits.unfinished == 0
        dealer.close()
        await until(lambda: house.echo.closed == [made])
        assert house.door.connections == 0

    run(test)


def test_many_requests_and_two_clients() -> None:
    async def test(house: House) -> None:
        first, second = house.dealer(), house.dealer()
        for dealer in (first, second):
            await soon(dealer.send(b"enrol"))
            await soon(dealer.recv())
        for number in range(500):
            await soon(first.send(b"%d" % number + b"x" * 20_000))
            await soon(second.send(b"%d" % number))
        for number in range(500):
            assert (await soon(first.recv())).startswith(b"%d" % number)
            assert await soon(second.recv()) == b"%d" % number
        assert len(house.echo.splices) == 2
        first.close()
        second.close()

    run(test)


def test_the_control_shell_may_hang_up() -> None:
    async def test(house: House) -> None:
        dealer = house.dealer()
        await soon(dealer.send(b"hello"))
        await soon(dealer.recv())
        (made,) = house.echo.splices.values()
        made.close()
        await until(lambda: house.echo.closed)
        await soon(dealer.send(b"again"))  # it comes back as a new splice
        assert await soon(dealer.recv()) == b"again"
        assert len(house.echo.splices) == 2
        dealer.close()

    run(test)


ENDLESS = """
import sys, zmq
port, key, first = int(sys.argv[1]), bytes.fromhex(sys.argv[2]), sys.argv[3].encode()
from zmq.utils import z85
ctx = zmq.Context()
dealer = ctx.socket(zmq.DEALER)
dealer.curve_serverkey = z85.encode(key)
dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
dealer.reconnect_ivl = 50
dealer.connect(f"tcp://127.0.0.1:{port}")
if first:
    dealer.send(first)
    dealer.recv()
for _ in range(2000):
    dealer.send(b"x" * 40_000, zmq.SNDMORE)
dealer.send(b"")  # libzmq sends no part before it has the last; 80 MB on, it has not come through yet
print("sent", flush=True)
sys.stdin.read()
"""


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@posix
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("first", "allowance"), [(b"", SPLICE_STRANGER_BYTES), (b"enrol", SPLICE_AHEAD_BYTES)], ids=["stranger", "enrolled"]
)
def test_endless_parts_are_bounded(monkeypatch: pytest.MonkeyPatch, first: bytes, allowance: int) -> None:
    monkeypatch.setattr(splice, "UNFINISHED_S", 1.0)

    async def test(house: House) -> None:
        other = house.dealer()
        await soon(other.send(b"enrol"))
        await soon(other.recv())
        before = resident()
        arguments = ("-c", ENDLESS, str(house.door.port), house.echo.keys.public.hex(), first.decode())
        pipe = asyncio.subprocess.PIPE
        client = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
        assert client.stdout is not None
        try:
            assert await soon(client.stdout.readline()) == b"sent\n"
            await until(lambda: any(made.lead.octets == allowance for made in house.echo.splices.values()))
            assert all(made.lead.octets <= allowance for made in house.echo.splices.values())
            assert resident() - before < 16 * 1024 * 1024
            await until(lambda: house.door.counters.expired)
            await until(lambda: house.echo.closed)
            await soon(other.send(b"undisturbed"))
            assert await soon(other.recv()) == b"undisturbed"
        finally:
            client.kill()
            await soon(client.communicate())
        other.close()

    run(test)


@pytest.mark.parametrize(
    "first", [b"\xff", (b"\xff" + b"\0" * 8 + b"\x7f\3\0CURVE").ljust(64, b"\0")], ids=["byte", "greeting"]
)
def test_a_handshake_has_its_time(monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    monkeypatch.setattr(splice, "UNFINISHED_S", 0.2)

    async def test(house: House) -> None:
        reader, _ = await house.connect(first)
        with suppress(ConnectionResetError):
            await soon(reader.read())
        await until(lambda: house.door.connections == 0)
        assert house.door.counters.expired == 1
        assert len(house.echo.closed) == 1

    run(test)


# The inner door ------------------------------------------------------------------------------------------------


@posix
def test_the_inner_door_is_its_owners() -> None:
    inner = InnerEndpoint()
    folder = Path(inner.endpoint.removeprefix("ipc://")).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(inner.endpoint) < 104
    inner.close()
    assert not folder.exists()


@posix
def test_what_a_killed_broker_left_is_swept() -> None:
    base = Path(os.path.realpath("/tmp")) / f"sp{os.getpid()}"
    base.mkdir()
    try:
        listeners = {}
        for name in ("sandpiper-dead", "sandpiper-live", "sandpiper-starting", "other"):
            (base / name).mkdir()
            if name != "sandpiper-starting":
                listeners[name] = socket.socket(socket.AF_UNIX)
                listeners[name].bind(str(base / name / "c"))
                listeners[name].listen()
        listeners["sandpiper-dead"].close()
        listeners["other"].close()
        for name in listeners:  # but that of the one that is just starting
            os.utime(base / name, (0, 0))
        inner_module._sweep(base)
        assert {each.name for each in base.iterdir()} == {"sandpiper-live", "sandpiper-starting", "other"}
        listeners["sandpiper-live"].close()
    finally:
        shutil.rmtree(base)


@posix
def test_a_long_temporary_folder_is_avoided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(long))
    inner = InnerEndpoint()
    assert len(inner.endpoint) < 104
    inner.close()
    assert not list(long.iterdir())


def test_who_finds_no_way_inside_tries_again_and_comes_in() -> None:
    async def test(house: House) -> None:
        inner, house.door.inner = house.door.inner, InnerEndpoint()  # nobody listens there
        assert house.door.inner is not None
        dealer = house.dealer()
        await until(lambda: house.door.counters.refused)
        house.door.inner.close()
        house.door.inner = inner
        await dealer.send(b"hello")
        assert await soon(dealer.recv()) == b"hello"
        assert not house.echo.closed
        dealer.close(linger=0)

    run(test)


# Limits --------------------------------------------------------------------------------------------------------


def test_an_unfinished_line_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_side, "UNFINISHED_S", 0.3)

    async def test(house: House) -> None:
        quiet, _ = await house.connect(b'{"type":"hello","v":1}\n')
        reader, writer = await house.connect(b'{"type":')

        async def drip() -> None:
            with suppress(OSError):
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert "unfinished line" in (await line(reader))["text"]
        dripping.cancel()
        assert house.door.counters.expired == 1
        await line_of(quiet, "welcome")
        assert not quiet.at_eof()

    run(test)


def test_many_lines_in_pieces_are_no_slow_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_side, "UNFINISHED_S", 0.3)

    async def test(house: House) -> None:
        reader, writer = await house.connect(b'{"type":"hello","v":1}\n{"type":')
        for _ in range(40):
            writer.write(b'"ping"}\n{"type":')
            await line_of(reader, "pong")
            await asyncio.sleep(0.01)
        assert house.door.counters.expired == 0

    run(test)


def test_who_does_not_read_is_dropped_and_delays_nobody() -> None:
    async def test(house: House) -> None:
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.setblocking(False)
            await asyncio.get_running_loop().sock_connect(stalled, ("127.0.0.1", house.door.port))
            await until(lambda: "lobby" in house.rooms.held)
            reader, writer = await house.connect(b'{"type":"hello","v":1,"room":"lobby","nick":"alice"}\n')
            await line_of(reader, "joined")
            sent = 0
            while house.door.counters.dropped == 0:
                writer.write(b'{"type":"msg","text":"%s"}\n' % (b"x" * 40_000))
                sent += 1
                assert (await line_of(reader, "ack"))["seq"] == sent
                assert sent < 3 * BRIDGE_BACKLOG_BYTES / 40_000
            assert (await line_of(reader, "notice"))["text"] == "anon left"
            assert house.door.connections == 1

    run(test)


def test_a_replay_is_paced_by_its_reader() -> None:
    async def test(house: House) -> None:
        count = 400
        filler, writing = await house.connect(b'{"type":"hello","v":1,"room":"lobby","nick":"alice"}\n')
        for _ in range(count):
            writing.write(b'{"type":"msg","text":"%s"}\n' % (b"x" * 40_000))
            await line_of(filler, "ack")
        reader, _ = await house.connect(
            b'{"type":"hello","v":1,"room":"lobby","after":0}\n{"type":"ping"}\n', limit=1 << 20
        )
        await line_of(reader, "joined")
        writing.write(b'{"type":"msg","text":"live"}\n')
        await line_of(filler, "ack")
        seqs = [(await line_of(reader, "msg"))["seq"] for _ in range(count + 1)]
        assert seqs == list(range(1, count + 2))
        await line_of(reader, "pong")
        assert house.door.counters.dropped == 0

    run(test)


def test_a_zeromq_client_that_is_refused_tries_again_and_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word to it would be the end: libzmq takes it for a broken greeting, and never comes back."""
    monkeypatch.setattr(connection_limits, "DOOR_UNFINISHED_LOOPBACK", 1)
    monkeypatch.setattr(door_module, "DOOR_LEAVE_S", 0.01)

    async def test(house: House) -> None:
        _, first = await house.connect(b"\xff")
        await until(lambda: house.door.connection_limits.unfinished == 1)
        dealer = house.dealer()
        await until(lambda: house.door.counters.refused)
        first.close()
        await dealer.send(b"hello")
        assert await soon(dealer.recv()) == b"hello"
        dealer.close(linger=0)
        await until(lambda: house.door.refused == 0)

    run(test)


def test_more_refused_than_can_be_kept_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "DOOR_UNFINISHED_LOOPBACK", 1)
    monkeypatch.setattr(door_module, "DOOR_REFUSED", 1)
    monkeypatch.setattr(door_module, "SNIFF_S", 3600.0)

    async def test(house: House) -> None:
        await house.connect(b"\xff")
        await until(lambda: house.door.connection_limits.unfinished == 1)
        kept, _ = await house.connect()
        await until(lambda: house.door.refused == 1)
        cut, _ = await house.connect()
        with suppress(ConnectionResetError):
            assert await soon(cut.read()) == b""
        assert not kept.at_eof()
        assert house.door.counters.refused == 2
        await house.leave()
        await until(lambda: house.door.refused == 0)

    run(test)


def test_limits_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "DOOR_UNFINISHED_LOOPBACK", 2)
    monkeypatch.setattr(connection_limits, "DOOR_CONNECTIONS", 4)

    async def test(house: House) -> None:
        for _ in range(2):
            await house.connect(b"\xff")
        await until(lambda: house.door.connection_limits.unfinished == 2)
        reader, _ = await house.connect(b'{"type":"hello"}\n')
        assert "too many unfinished connections from 127.0.0.1" in (await line(reader))["text"]
        assert house.door.counters.refused == 1
        await house.leave()
        await until(lambda: house.door.connections == 0)
        for _ in range(4):
            reader, _ = await house.connect(b'{"type":"hello"}\n')
            await line_of(reader, "welcome")
        reader, _ = await house.connect()
        assert "too many connections: at most 4" in (await line(reader))["text"]

    run(test)


def test_a_pause_holds_the_sender_back() -> None:
    async def test(house: House) -> None:
        reader, writer = await house.connect(b'{"type":"hello","v":1}\n')
        await line_of(reader, "welcome")
        house.rooms.charge = 0.1
        started = asyncio.get_running_loop().time()
        writer.write(b'{"type":"ping"}\n' * 4)
        for _ in range(4):
            await line_of(reader, "pong")
        assert asyncio.get_running_loop().time() - started > 0.29
        assert house.rooms.charges == [22, 15, 15, 15, 15]

    run(test)


# Ends ----------------------------------------------------------------------------------------------------------


def test_a_half_closed_client_gets_what_it_is_owed() -> None:
    async def test(house: House) -> None:
        house.rooms.auto = False
        reader, writer = await house.connect(
            b'{"type":"hello","v":1,"room":"lobby"}\n{"type":"msg","text":"hi","id":"x"}'
        )
        writer.write_eof()
        await line_of(reader, "joined")
        house.rooms.commit()
        assert (await line_of(reader, "ack"))["id"] == "x"
        assert await soon(reader.read()) == b""
        await until(lambda: house.rooms.departed)

    run(test)


def test_who_is_owed_too_long_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_side, "HALF_CLOSE_S", 0.1)

    async def test(house: House) -> None:
        house.rooms.auto = False
        reader, writer = await house.connect(b'{"type":"msg","text":"hi"}\n')
        writer.write_eof()
        assert await soon(reader.read()) == b""
        await until(lambda: house.rooms.departed)

    run(test)


def test_a_protected_broker_shows_original_clients_out() -> None:
    async def test(house: House) -> None:
        reader, _ = await house.connect()
        assert "access code" in (await line(reader))["text"]
        assert await soon(reader.read()) == b""

    run(test, MemoryRooms(access_code="swordfish"))


def test_the_last_words_wait_for_no_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "DOOR_LEAVE_S", 0.1)

    async def test(house: House) -> None:
        _, writer = await house.connect(b"GET / HTTP/1.1\r\n\r\n")
        await until(lambda: house.door.counters.foreign == 1)
        assert not writer.is_closing()
        await until(lambda: not house.door.open_connections)

    run(test)


def test_closing() -> None:
    async def test(house: House) -> None:
        reader, _ = await house.connect(b'{"type":"hello","v":1,"room":"lobby"}\n')
        await line_of(reader, "joined")
        await house.connect()
        dealer = house.dealer()
        await soon(dealer.send(b"hello"))
        await soon(dealer.recv())
        port = house.door.port
        for guest in list(house.rooms.held["lobby"].seats):
            guest.close("the broker is shutting down")
        await soon(house.door.close())
        assert (await line_of(reader, "error"))["code"] == "closing"
        assert await soon(reader.read()) == b""
        assert house.door.connections == 0
        assert len(house.echo.closed) == 1
        with pytest.raises(ConnectionRefusedError):
            await soon(asyncio.open_connection("127.0.0.1", port))
        dealer.close()

    run(test)


def test_a_port_in_use() -> None:
    async def test(house: House) -> None:
        other = FrontDoor(
            lines=lambda address, seq: RoomClient(house.rooms, address, since=seq),
            inner=house.echo.inner,
            on_splice=house.echo.spliced,
            on_splice_closed=house.echo.closed.append,
            greeting="another",
            descriptors=Descriptors(),
        )
        with pytest.raises(OSError, match="in use"):
            await other.open(["127.0.0.1"], house.door.port)
        await other.close()

    run(test)
