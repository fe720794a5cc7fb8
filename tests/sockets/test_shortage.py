"""A machine without a socket left: who was connected comes back, and what could not be made leaves nothing."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from sandpiper.bridge.plain_bus import PlainBus
from sandpiper.broker.service import BrokerService
from sandpiper.common.errors import SandpiperError, SocketError
from sandpiper.common.io import inner_endpoint
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.discovery.embed import embed
from sandpiper.peer import Room, connect, create
from sandpiper.peer.broker_link import BrokerLink, LinkCallbacks
from sandpiper.peer.dealer_client import DealerClient
from sandpiper.peer.events import PathChanged
from sandpiper.peer.profile import Profile
from tests.sockets.running import DEADLINE_S, RunningBroker, RunningDiscovery, running
from tests.sockets.test_cancelled import descriptors
from tests.sockets.test_descriptors import config
from tests.sockets.test_discovery import Members
from tests.sockets.test_relay import SEED, links
from tests.sockets.test_service import free_port

ENDPOINT = "tcp://127.0.0.1:9"


class Shortage:
    """Has libzmq give no socket in place of the so-many-th one asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        self._fails_at = 0
        real = zmq.Context.socket

        def socket(ctx: zmq.Context[Any], *args: Any, **kwargs: Any) -> Any:
            self.made += 1
            if self.made == self._fails_at:
                raise zmq.ZMQError(errno.EMFILE)
            return real(ctx, *args, **kwargs)

        monkeypatch.setattr(zmq.Context, "socket", socket)

    def fail(self, at: int) -> None:
        """From now on; the first one is number 1."""
        self.made, self._fails_at = 0, at

    @property
    def over(self) -> bool:
        """Whether it has been felt."""
        return 0 < self._fails_at <= self.made


@pytest.fixture
def shortage(monkeypatch: pytest.MonkeyPatch) -> Shortage:
    return Shortage(monkeypatch)


def play(scene: Awaitable[None]) -> None:
    async def timed() -> None:
        await asyncio.wait_for(scene, DEADLINE_S)

    asyncio.run(timed())


# Whoever was connected comes back -----------------------------------------------------------------------------


async def until_path(room: Room, path: str) -> None:
    async for event in room:
        if isinstance(event, PathChanged) and event.path == path:
            return


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_room_at_a_broker_comes_back(tmp_path: Path, shortage: Shortage, at: int) -> None:
    async def scene(broker: RunningBroker) -> None:
        profile = Profile.at(tmp_path / "profile")
        async with connect(f"{broker.door}/r", nick="alice", profile=profile) as room:
            await until_path(room, "bus")
            broker.kill()
            await until_path(room, "offline")
            shortage.fail(at)
            broker.restart()
            await until_path(room, "bus")
            assert shortage.over

    with running(tmp_path / "data") as broker:
        play(scene(broker))


@pytest.mark.parametrize("at", [1, 2])
def test_a_relay_link_comes_back(tmp_path: Path, shortage: Shortage, at: int) -> None:
    async def scene(broker: RunningBroker) -> None:
        async with links() as made:
            link, ear = await made.open(broker, SEED)
            await ear.until(lambda ear: ear.ups == 1)
            broker.kill()
            await ear.until(lambda ear: len(ear.downs) > 0)
            shortage.fail(at)
            broker.restart()
            await ear.until(lambda ear: ear.ups == 2)
            assert shortage.over
            assert link.up

    with running(tmp_path / "data") as broker:
        play(scene(broker))


@pytest.mark.parametrize("at", [1, 2])
def test_a_lease_at_a_discovery_service_comes_back(tmp_path: Path, shortage: Shortage, at: int) -> None:
    async def scene(service: RunningDiscovery) -> None:
        async with Members() as members:
            link, heard = await members.link(service.door)
            service.kill()
            await heard.until(lambda: not link.up)
            shortage.fail(at)
            service.restart()
            await heard.until(lambda: link.up)
            assert shortage.over

    service = RunningDiscovery(tmp_path / "data")
    try:
        play(scene(service))
    finally:
        service.kill()


# What could not be made leaves nothing ------------------------------------------------------------------------


def nothing(*said: object) -> None:
    """Whom nobody calls."""


def a_dealer(loop: asyncio.AbstractEventLoop, ctx: zmq.Context[Any]) -> None:
    DealerClient(loop, ctx, CurveKeys.make(), CurveKeys.make().public, ENDPOINT, heard=nothing, down=nothing)


def a_link(loop: asyncio.AbstractEventLoop, ctx: zmq.Context[Any]) -> None:
    heard = LinkCallbacks(nothing, nothing, nothing, nothing)
    link = BrokerLink(loop, ctx, CurveKeys.make(), CurveKeys.make().public, ENDPOINT, heard)
    try:
        link.open_bus(ENDPOINT)
        link.subscribe(ENDPOINT, "r")
    finally:
        link.close()


def a_plain_bus(loop: asyncio.AbstractEventLoop, ctx: zmq.Context[Any]) -> None:
    bus = PlainBus(loop, ctx, nothing, Descriptors())
    try:
        bus.bind("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    finally:
        bus.close()


Maker = Callable[[asyncio.AbstractEventLoop, "zmq.Context[Any]"], None]


@pytest.mark.parametrize(("make", "sockets"), [(a_dealer, 2), (a_link, 4), (a_plain_bus, 4)])
def test_what_could_not_be_made_leaves_nothing(shortage: Shortage, make: Maker, sockets: int) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        for at in range(1, sockets + 1):
            before = descriptors()
            ctx = context()
            shortage.fail(at)
            with pytest.raises(SocketError, match=r"Too many open files; allow this process more"):
                make(loop, ctx)
            ctx.term()  # it would wait for ever for a socket that was left
            assert descriptors() == before

    play(scene())


async def a_broker(folder: Path, discovery: str) -> None:
    broker = BrokerService(config(folder / "data"))
    await broker.close()


async def a_discovery_service(folder: Path, discovery: str) -> None:
    service = await embed("127.0.0.1", free_port())
    await service.close()


async def a_room_between_peers(folder: Path, discovery: str) -> None:
    async with create(nick="alice", local=True, discovery=[discovery], profile=Profile.at(folder / "profile")):
        pass


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the folders for sockets are made."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # pytest's own path is too long for a socket's
        monkeypatch.setattr(inner_endpoint, "_places", lambda: [Path(name)])
        yield Path(name)


@pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")
@pytest.mark.parametrize("enter", [a_broker, a_discovery_service, a_room_between_peers])
def test_whatever_is_short_of_a_socket_leaves_nothing(
    tmp_path: Path, folders: Path, shortage: Shortage, enter: Callable[[Path, str], Awaitable[None]]
) -> None:
    async def scene(discovery: str) -> None:
        await enter(tmp_path, discovery)  # what is opened once and for all is open from here on
        at, refused = 1, 0
        while True:
            before = descriptors()
            shortage.fail(at)
            try:
                await enter(tmp_path, discovery)
            except SandpiperError as error:
                refused += "Too many open files" in str(error)
            assert os.listdir(folders) == []
            assert descriptors() == before
            if not shortage.over:
                break
            at += 1
        assert refused >= 3, "the context, and at the least what judges keys and what listens"

    service = RunningDiscovery(tmp_path / "discovery")
    try:
        play(scene(service.door))
    finally:
        service.kill()
