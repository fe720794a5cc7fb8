"""File descriptors: none is left open, and whoever comes once they run short is turned away while the others stay."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from sandpiper.bridge.plain_bus import PlainBus
from sandpiper.broker import memory_guard, service
from sandpiper.broker.service import BrokerConfig, BrokerService
from sandpiper.common.errors import SandpiperError
from sandpiper.common.io import descriptors, inner_endpoint
from sandpiper.common.io.connections import borrowed, ends_of, peer_of, port_of, shut, traffic
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.inner_endpoint import InnerEndpoint
from sandpiper.common.io.metrics import MetricsServer
from sandpiper.common.io.monitor import SocketMonitor
from sandpiper.common.io.sockets import context
from sandpiper.common.io.sockets import serving as serving_socket
from sandpiper.common.limits import METRICS_REQUESTS
from sandpiper.peer.attach import doors
from tests.peer.p2p.nodes import Node
from tests.sockets.attack import until
from tests.sockets.running import DEADLINE_S, Lines, RunningBroker, RunningDiscovery

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")

FEW = 64
CROWD = 60
SHORT = "short of file descriptors"
NO_ROOM = b"has no file descriptors left for newcomers; try again later"


def with_files(number: int) -> tuple[str, ...]:
    """Has the command that follows run with at most so many."""
    return ("sh", "-c", f'ulimit -n {number} && exec "$@"', "sh")


class FewFilesBroker(RunningBroker):
    PREFIX = with_files(FEW)


class FewFilesDiscovery(RunningDiscovery):
    PREFIX = with_files(FEW)


Made = TypeVar("Made", bound=RunningBroker)


@contextmanager
def running(kind: type[Made], data: Path) -> Iterator[Made]:
    """For the time of a test."""
    made = kind(data)
    try:
        yield made
    finally:
        made.kill()


def open_files() -> int:
    """How many descriptors this process has (Linux)."""
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def crowd(port: int, number: int = CROWD) -> Iterator[list[socket.socket]]:
    """Idle connections to a port, all of them begun."""
    with ExitStack() as stack:
        made = [stack.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE_S)) for _ in range(number)]
        yield made


def first_words(connections: list[socket.socket]) -> list[bytes]:
    """What each is told first; empty for one that is shut without a word. Who waits to be accepted hears nothing."""
    heard: list[bytes] = []
    for connection in connections:
        with suppress(ConnectionError):
            heard.append(connection.recv(4096))
            continue
        heard.append(b"")
    return heard


def warnings(broker: RunningBroker) -> list[str]:
    """Stops it, which must have nothing on stderr; the lines of its log about descriptors."""
    broker.process.terminate()
    _, stderr = broker.process.communicate(timeout=DEADLINE_S)
    assert broker.process.returncode == 0
    assert stderr == b""
    log = (broker.data / f"{broker.COMMAND}.log").read_text("utf-8")
    return [line for line in log.splitlines() if SHORT in line]


# Nothing is left open -----------------------------------------------------------------------------------------


def config(data: Path) -> BrokerConfig:
    return BrokerConfig(
        host="127.0.0.1",
        port=0,
        data=data,
        access_code=None,
        plain=True,
        fsync=False,
        messages_per_s=5000,
        bytes_per_s=4e6,
        retain_messages=1000,
        retain_s=1000,
        metrics_port=None,
    )


@asynccontextmanager
async def serving(data: Path) -> AsyncIterator[BrokerService]:
    """A broker in this process."""
    broker = BrokerService(config(data))
    try:
        await broker.open()
        yield broker
    finally:
        await broker.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the guard asks no descriptor")
def test_a_broker_that_has_grown_looks_around_without_leaving_descriptors_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_guard, "GUARD_MARGIN_BYTES", -(1 << 40))  # as if many quiet clients had made it grow
    monkeypatch.setattr(memory_guard, "GUARD_STEP_BYTES", -(1 << 40))
    monkeypatch.setattr(service, "GUARD_S", 3600.0)  # it is asked by the test alone

    async def run() -> None:
        async with serving(tmp_path / "data") as broker:
            host, _, port = broker.ready().door.rpartition(":")
            clients = [await asyncio.open_connection(host, int(port)) for _ in range(40)]
            for reader, writer in clients:
                writer.write(b'{"type":"join","room":"quiet"}\n')
                await reader.readline()
            looker = broker._guard
            assert looker is not None
            looker.check()
            before = open_files()
            for _ in range(50):
                looker.check()
            assert open_files() == before
            assert looker.cut == 0
            for _, writer in clients:
                writer.close()

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


@pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")
def test_asking_about_a_descriptor_neither_opens_nor_closes_one(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, two_ends() as (one, other):
        before = open_files()
        for fd in (file.fileno(), 0, -1, 1 << 20):
            assert ends_of(fd) == (None, None)
            assert peer_of(fd) is None
            assert port_of(fd) == 0
            assert traffic(fd) == (0, 0, 0)
            assert not shut(fd)
        assert peer_of(one.fileno()) == other.getsockname()
        assert port_of(other.fileno()) == one.getpeername()[1]
        with pytest.raises(OSError, match="non-socket"), borrowed(file.fileno()):
            pass
        assert shut(one.fileno())
        assert open_files() == before
        assert other.recv(1) == b""


@contextmanager
def two_ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as one:
        other, _ = server.accept()
        with other:
            yield one, other


def test_a_flood_of_events_that_nobody_has_read_holds_up_neither_libzmq_nor_the_end() -> None:
    done = threading.Event()

    async def run() -> None:
        ctx = context()
        xpub = ctx.socket(zmq.XPUB)
        watch = SocketMonitor(
            asyncio.get_running_loop(), xpub, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED, lambda *_: None
        )
        port = xpub.bind_to_random_port("tcp://127.0.0.1")
        for _ in range(1500):  # the loop never turns meanwhile
            with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as connection:
                connection.recv(1)  # the greeting: it was accepted
        watch.close()
        xpub.close(linger=0)
        ctx.term()
        done.set()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    assert done.wait(DEADLINE_S)


# A crowd ------------------------------------------------------------------------------------------------------


def test_a_crowd_at_a_brokers_door_is_told_and_the_members_stay(tmp_path: Path) -> None:
    with running(FewFilesBroker, tmp_path / "data") as broker, Lines(broker) as member:
        member.say(type="hello", v=1, room="r", nick="alice")
        member.hear_until("joined")
        with crowd(broker.port) as waiting:
            heard = first_words(waiting)
            turned_away = [json.loads(line)["text"] for line in heard if NO_ROOM in line]
            assert len(turned_away) > CROWD // 2
            member.say(type="msg", text="still here", id="1")
            assert member.hear_until("ack")["id"] == "1"

        def let_in() -> bool:
            with Lines(broker) as another:
                another.say(type="hello", v=1, room="r", nick="bob")
                return bool(another.hear()["type"] != "error")

        until(let_in)
        assert len(warnings(broker)) == 1


def test_a_crowd_at_discovery_is_told_and_it_lives_on(tmp_path: Path) -> None:
    with running(FewFilesDiscovery, tmp_path / "data") as discovery, Lines(discovery) as early:
        early.say(type="hello", v=1)
        assert early.hear()["type"] == "welcome"
        with crowd(discovery.port) as waiting:
            waiting[-1].settimeout(DEADLINE_S)
            assert NO_ROOM in waiting[-1].recv(4096)
            early.say(type="hello", v=1)
            assert early.hear()["type"]
        assert len(warnings(discovery)) == 1


@pytest.mark.parametrize("door", ["xsub", "xpub", "plain_xsub", "plain_xpub"])
def test_a_crowd_at_the_bus_is_accepted_to_the_last_and_the_members_stay(tmp_path: Path, door: str) -> None:
    with running(FewFilesBroker, tmp_path / "data") as broker, Lines(broker) as member:
        member.say(type="hello", v=1, room="r", nick="alice")
        member.hear_until("joined")
        with crowd(int(broker.ready[door].rpartition(":")[2])) as waiting:
            first_words(waiting)  # nobody waits in libzmq's backlog, which it would ask without a pause
            member.say(type="msg", text="still here", id="1")
            assert member.hear_until("ack")["id"] == "1"
        assert len(warnings(broker)) == 1, "some were turned away, and it was told once"


def few_from_here(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    """As if this process could have so many more descriptors than it has, before those that are spared."""
    with open(os.devnull) as lowest:
        limit = lowest.fileno() + more
    monkeypatch.setattr(descriptors, "file_limit", lambda: limit)


def test_a_crowd_at_a_members_mesh_is_accepted_to_the_last_and_it_stays_in_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        alice, bob = Node(), Node()
        few_from_here(monkeypatch, 40)
        shortened = Descriptors()
        alice.mesh._listeners._descriptors = shortened
        alice.bind()
        try:
            alice.admit(bob)
            bob.admit(alice)
            bob.meet(alice)
            await bob.until(lambda: bob.up(alice))
            await alice.until(lambda: alice.heard_by(bob))
            with crowd(alice.doors.pub) as waiting:
                heard = await asyncio.to_thread(first_words, waiting)
                assert len(heard) == CROWD
                await alice.until(lambda: shortened.refused > 0)
                alice.say(b"still here")
                await bob.hears_last(b"still here")
                assert bob.up(alice)
        finally:
            alice.close()
            bob.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_crowd_at_a_members_doors_for_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        few_from_here(monkeypatch, 40)
        ctx, shortened = context(), Descriptors()
        bus = PlainBus(asyncio.get_running_loop(), ctx, lambda frames: None, shortened)
        try:
            for endpoint in bus.bind("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"):
                shortened.refused = 0
                with crowd(int(endpoint.rpartition(":")[2])) as waiting:
                    await asyncio.to_thread(first_words, waiting)
                    await asyncio.to_thread(until, lambda: shortened.refused)
        finally:
            bus.close()
            ctx.term()

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


# Too few to begin with ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [16, 32])
@pytest.mark.parametrize(
    "words", [("broker", "--port", "0"), ("discovery", "--port", "0"), ("create",), ("say", "127.0.0.1:1/r", "x")]
)
def test_too_few_to_begin_with_is_said_in_one_line(tmp_path: Path, words: tuple[str, ...], number: int) -> None:
    ended = subprocess.run(
        [*with_files(number), sys.executable, "-m", "sandpiper.cli", *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "SANDPIPER_HOME": str(tmp_path / "home")},
    )
    assert ended.stderr.count("\n") == 1
    if words[0] == "say" and number == 32:  # enough for that: it finds nobody there
        assert ended.returncode == 3
        return
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"sandpiper: too few file descriptors: this process may have {number}, ")


def test_with_few_the_inner_door_is_none_at_which_libzmq_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inner_endpoint, "file_limit", lambda: 1024)
    made = InnerEndpoint()
    assert made.endpoint.startswith("tcp://127.0.0.1:")
    made.close()


def test_the_inner_port_knows_which_splice_stands_behind_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for both families, at which an IPv4 address reads as one of IPv6; every member was cut off after 10 s."""
    monkeypatch.setattr(inner_endpoint, "file_limit", lambda: 1024)

    async def run() -> None:
        made, ctx = InnerEndpoint(), context()
        router = serving_socket(ctx, zmq.ROUTER, None, "")
        accepted = router.get_monitor_socket(zmq.EVENT_ACCEPTED)
        try:
            router.bind(made.endpoint)
            transport, name = await made.connect(asyncio.Protocol)
            assert accepted.poll(20_000)
            assert made.name_of(recv_monitor_message(accepted)["value"]) == name
            transport.close()
        finally:
            router.disable_monitor()
            router.close()
            ctx.destroy(0)
            made.close()

    asyncio.run(run())


def test_the_inner_door_takes_nobody_in_once_descriptors_are_to_be_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inner_endpoint, "file_limit", lambda: 4096)

    async def run() -> None:
        made = InnerEndpoint()
        monkeypatch.setattr(type(made._allotment), "fits_member", lambda allotment, fd: False)
        try:
            with pytest.raises(OSError, match="Too many open files"):
                await made.connect(asyncio.Protocol)
        finally:
            made.close()

    if inner_endpoint.LOCAL:
        asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def test_doors_for_tools_in_the_file_system_ask_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "file_limit", lambda: 1024)

    async def run() -> None:
        room: Any = None  # it is not even asked
        async with doors.attached(room, tcp=False):
            pass

    with pytest.raises(SandpiperError, match="or try --attach-tcp"):
        asyncio.run(run())


# The port for metrics -----------------------------------------------------------------------------------------


@pytest.fixture
def metrics() -> Iterator[MetricsServer]:
    server = MetricsServer(0, dict, lambda: float("inf"), lambda: None)
    yield server
    server.close()


def healthy(server: MetricsServer) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=DEADLINE_S) as page:
        return bool(page.read() == b"ok\n")


def test_a_request_that_is_never_finished_keeps_nobody_waiting(metrics: MetricsServer) -> None:
    with crowd(metrics.port, METRICS_REQUESTS + 5) as waiting:
        for one in waiting:
            one.sendall(b"GET /heal")
        assert healthy(metrics)


def test_a_reset_request_is_no_news(metrics: MetricsServer, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", metrics.port), DEADLINE_S) as one:
            one.sendall(b"GET /metrics HTTP/1.1\r\n")
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert healthy(metrics)
    until(lambda: not metrics._server._busy)  # type: ignore[attr-defined]
    assert capfd.readouterr() == ("", "")
