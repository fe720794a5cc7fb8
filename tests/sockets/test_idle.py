"""What does nothing costs nothing: services without clients, a member alone, and the guards of both."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from sandpiper.broker.service import BrokerConfig, BrokerService
from sandpiper.common.io.connection_events import ActivityWatch
from sandpiper.common.io.descriptor_guard import DescriptorGuard
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.metrics import MetricsServer
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.discovery.service import DiscoveryConfig, DiscoveryService
from sandpiper.peer import Room, create
from sandpiper.peer.p2p.engine import P2PEngine
from sandpiper.peer.p2p.mesh.mesh import Mesh, MeshCallbacks
from sandpiper.peer.profile import Profile
from tests.sockets.hasty import hasty_loop, wakes

DEADLINE_S = 20.0
SECONDS = 120.0
GOAL = 2.0
"""Wake-ups a second of a whole service; its loop must leave some to libzmq's threads."""
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says when something comes in")


@linux
def test_a_broker_without_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hasty_loop(monkeypatch) as (loop, selector):
        broker = loop.run_until_complete(_broker(tmp_path))
        try:
            assert wakes(loop, selector, SECONDS) < GOAL / 2
        finally:
            loop.run_until_complete(broker.close())


async def _broker(folder: Path) -> BrokerService:
    rates = {"messages_per_s": 1000.0, "bytes_per_s": 1e6, "retain_messages": 1000, "retain_s": 1e6}
    broker = BrokerService(
        BrokerConfig(
            "127.0.0.1",
            0,
            folder / "data",
            None,
            plain=True,
            fsync=False,
            metrics_port=None,
            **rates,  # type: ignore[arg-type]
        )
    )
    await broker.open()
    return broker


def test_a_discovery_service_without_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    with hasty_loop(monkeypatch) as (loop, selector):
        service = loop.run_until_complete(_discovery())
        try:
            assert wakes(loop, selector, SECONDS) < GOAL / 2
        finally:
            loop.run_until_complete(service.close())


async def _discovery() -> DiscoveryService:
    service = DiscoveryService(DiscoveryConfig("127.0.0.1", 0))
    await service.open()
    return service


@linux
def test_a_mesh_in_which_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with hasty_loop(monkeypatch) as (loop, selector):
        ctx = context()
        heard = MeshCallbacks(lambda packets, key: None, lambda key, up, why: None, lambda key, topic: None)
        mesh = Mesh(loop, ctx, CurveKeys.make(), lambda key: True, heard)
        mesh.bind(["127.0.0.1"])
        try:
            assert wakes(loop, selector, SECONDS) < 0.1
        finally:
            mesh.close()
            ctx.term()


@linux
def test_a_member_alone_wakes_for_its_beacons(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two of the goal's ten are for its own beacons and what else is looked at then; the others are for another's."""

    async def settle() -> tuple[DiscoveryService, Room]:
        service = await _discovery()
        at = f"127.0.0.1:{service.port}"
        room = await create(nick="ada", discovery=at, local=True, profile=Profile.ephemeral()).__aenter__()
        engine = room._publisher.engine
        assert isinstance(engine, P2PEngine)
        until = time.monotonic() + DEADLINE_S
        while any(point._asked for point in engine.runner.services.connections.all):
            assert time.monotonic() < until
            await asyncio.sleep(0)
        return service, room

    with hasty_loop(monkeypatch) as (loop, selector):
        service, room = loop.run_until_complete(settle())
        try:
            assert wakes(loop, selector, 6.0) < 2.5  # before its lease is to be renewed, which somebody has to answer
        finally:
            loop.run_until_complete(room.close())
            loop.run_until_complete(service.close())


def test_metrics_end_at_once_though_their_thread_does_not_look() -> None:
    server = MetricsServer(0, dict, lambda: 0.0, lambda: None)
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as scrape:
        scrape.sendall(b"GET /none HTTP/1.0\r\n\r\n")
        assert b"404" in scrape.recv(100)
    server.close()
    assert not server._thread.is_alive()


# Activity ----------------------------------------------------------------------------------------------------


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


class Looks:
    """Counts them; the next one can be waited for."""

    def __init__(self) -> None:
        self.count = 0
        self.again: float | None = None
        self._looked = asyncio.Event()

    def look(self) -> float | None:
        self.count += 1
        self._looked.set()
        again, self.again = self.again, None
        return again

    async def next(self) -> None:
        await asyncio.wait_for(self._looked.wait(), DEADLINE_S)
        self._looked.clear()


@linux
def test_what_somebody_else_has_read_by_then_is_looked_at_too(wire: tuple[socket.socket, socket.socket]) -> None:
    async def main() -> None:
        ours, theirs = wire
        looks = Looks()
        arrivals = ActivityWatch(asyncio.get_running_loop(), 0.01, looks.look)
        arrivals.add(ours.fileno())
        await looks.next()  # it is new
        for _ in range(5):
            theirs.send(b"x")
            ours.recv(1)
            await looks.next()
        arrivals.close()

    asyncio.run(main())


@linux
def test_it_looks_by_the_clock_only_while_something_moves(
    wire: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = wire
    with hasty_loop(monkeypatch) as (loop, selector):
        looks = Looks()
        arrivals = ActivityWatch(loop, 1000.0, looks.look)  # so that a busy machine's own delays are nothing beside it
        arrivals.add(ours.fileno())
        loop.run_until_complete(looks.next())
        wakes(loop, selector, 10_000.0)
        looks.count = 0
        for _ in range(3):
            theirs.send(b"x")
            wakes(loop, selector, 100.0)
        assert looks.count == 1  # at once; then not again before the time
        assert wakes(loop, selector, 100_000.0) < 5 / 100_000
        assert 2 <= looks.count <= 3
        arrivals.touch()
        assert 3 <= looks.count <= 4
        looks.again = loop.time() + 50_000
        wakes(loop, selector, 10_000.0)
        arrivals.touch()
        before = looks.count
        wakes(loop, selector, 100_000.0)
        assert looks.count == before + 1
        arrivals.close()


@linux
def test_who_has_gone_is_no_trouble(wire: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    async def main() -> None:
        ours, theirs = wire
        looks = Looks()
        arrivals = ActivityWatch(asyncio.get_running_loop(), 0.01, looks.look)
        with (tmp_path / "file").open("w") as file:
            arrivals.add(file.fileno())
        gone = ours.detach()
        arrivals.add(gone)
        socket.socket(fileno=gone).close()
        arrivals.add(gone)
        arrivals.add(theirs.fileno())
        await looks.next()
        arrivals.close()
        arrivals.close()

    asyncio.run(main())


@linux
def test_connections_of_a_bound_socket_are_watched() -> None:
    async def main() -> None:
        ctx = context()
        bound, caller = ctx.socket(zmq.XSUB), ctx.socket(zmq.XPUB)
        looks = Looks()
        arrivals = ActivityWatch(asyncio.get_running_loop(), 0.01, looks.look)
        porter = DescriptorGuard(asyncio.get_running_loop(), bound, Descriptors(), arrivals.add)
        port = bound.bind_to_random_port("tcp://127.0.0.1")
        caller.connect(f"tcp://127.0.0.1:{port}")
        await looks.next()
        arrivals.close()
        porter.close()
        bound.close(0)
        caller.close(0)
        ctx.term()

    asyncio.run(main())
