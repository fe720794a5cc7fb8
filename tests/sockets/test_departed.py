"""Who has gone is dialled no more, over real sockets: after a goodbye, after an end without one; and is found again
when it only slept.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sandpiper.common.io.sockets import CurveKeys
from sandpiper.peer import Room, create
from sandpiper.peer.p2p.engine import P2PEngine
from sandpiper.peer.p2p.mesh import dialer
from sandpiper.peer.p2p.mesh.connection import Address, Connection, dial
from sandpiper.peer.p2p.mesh.mesh import Candidate
from sandpiper.peer.p2p.presence import presence
from sandpiper.peer.p2p.state import peer as peers
from sandpiper.peer.p2p.state.peer import PeerState
from sandpiper.peer.profile import Profile
from tests.peer.p2p.nodes import Node
from tests.sockets.members import Cast, MemberProcess
from tests.sockets.running import RunningDiscovery

DEADLINE_S = 40.0


@pytest.fixture
def discovery(tmp_path: Path) -> Iterator[RunningDiscovery]:
    made = RunningDiscovery(tmp_path / "discovery")
    yield made
    assert made.stop() == 0


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Address]:
    """Every address that was dialled in this process."""
    found: list[Address] = []

    async def counted(
        loop: asyncio.AbstractEventLoop, address: Address, make: Callable[[Address], Connection], made: set[Connection]
    ) -> Connection:
        found.append(address)
        return await dial(loop, address, make, made)

    monkeypatch.setattr(dialer, "dial", counted)
    return found


def engine_of(room: Room) -> P2PEngine:
    engine = room._publisher.engine
    assert isinstance(engine, P2PEngine)
    return engine


def routes(room: Room) -> list[dialer.PeerDialer]:
    return [peer.incoming for peer in engine_of(room).runner.transport._mesh._peers.values()]


def seeking() -> list[asyncio.Task[object]]:
    """Who dials, or waits to."""
    return [task for task in asyncio.all_tasks() if "_pursue" in repr(task.get_coro())]


async def until(holds: Callable[[], object], why: Callable[[], object] = lambda: "") -> None:
    give_up = asyncio.get_running_loop().time() + DEADLINE_S
    while not holds():
        assert asyncio.get_running_loop().time() < give_up, why()
        await asyncio.sleep(0.02)


def test_who_has_left_or_was_killed_is_dialled_no_more(
    tmp_path: Path, discovery: RunningDiscovery, dialled: list[Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "GONE_S", 4.0)

    async def story() -> None:
        wish = {"local": True, "discovery": discovery.door, "profile": Profile.ephemeral()}
        loop = asyncio.get_running_loop()
        with Cast(tmp_path, "--local", "--discovery", discovery.door) as cast:
            async with create(nick="alice", **wish) as room:  # type: ignore[arg-type]

                def guest(nick: str) -> MemberProcess:
                    member = cast.join(nick, room.code or "")
                    member.send("hello")
                    member.acknowledged(1)
                    return member

                core = engine_of(room).member
                monkeypatch.setattr(core.presence, "lease", lambda sessions: None)  # which lasts half a minute
                for nick, end in (("leaves", MemberProcess.leave), ("killed", MemberProcess.kill)):
                    member = await loop.run_in_executor(None, guest, nick)
                    await until(lambda: any(each.connection is not None for each in routes(room)))
                    (session,) = core.peers
                    dialled.clear()
                    await loop.run_in_executor(None, end, member)
                    await until(lambda: not seeking() and all(each._given_up for each in routes(room)))
                    dialled.clear()
                    await until(partial(core.presence.away.__contains__, session))
                    assert not routes(room)
                    assert not core.peers
                    assert not dialled

    asyncio.run(asyncio.wait_for(story(), 2 * DEADLINE_S))


def test_who_slept_until_nobody_looked_for_it_is_back_when_it_knocks(
    tmp_path: Path, discovery: RunningDiscovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "GONE_S", 4.0)
    monkeypatch.setattr(presence, "SOUGHT_S", 1.0)

    async def story() -> None:
        wish = {"local": True, "discovery": discovery.door, "profile": Profile.ephemeral()}
        loop = asyncio.get_running_loop()
        with Cast(tmp_path, "--local", "--discovery", discovery.door) as cast:
            async with create(nick="alice", **wish) as room:  # type: ignore[arg-type]
                core = engine_of(room).member
                monkeypatch.setattr(core.presence, "lease", lambda sessions: None)  # nor does a service tell of it
                bob = await loop.run_in_executor(None, cast.join, "bob", room.code or "")
                await until(lambda: any(peer.here for peer in core.peers.values()))
                (session,) = core.peers
                bob.stop()
                await until(lambda: session in core.presence.away)
                assert not routes(room)
                engine_of(
                    room
                ).runner.transport._mesh.rebind()  # its own line to us is over too, as after a longer sleep
                sent = asyncio.ensure_future(room.send("good morning"))
                bob.go_on()
                await loop.run_in_executor(None, lambda: bob.hears("good morning"))
                await until(lambda: session in core.peers and core.peers[session].state is PeerState.PRESENT)
                await sent
                assert await loop.run_in_executor(None, bob.leave) == 0

    asyncio.run(asyncio.wait_for(story(), 2 * DEADLINE_S))


def test_a_sought_peer_that_has_ended_is_deserted_and_found_again_elsewhere(dialled: list[Address]) -> None:
    async def story() -> None:
        alice, bob = Node().bind(), Node().bind()
        try:
            gone: list[bytes] = []
            alice.admit(bob)
            heard = alice.mesh._callbacks
            object.__setattr__(heard, "deserted", gone.append)
            bob.meet(alice)
            alice.meet(bob)
            await alice.until(lambda: alice.up(bob))
            at = bob.at()
            bob.close()
            alice.mesh.reach(bob.key, at, sought=True)
            await until(lambda: gone == [bob.key])
            assert not seeking()
            dialled.clear()
            again = Node(bob.keys).bind()
            try:
                again.admit(alice)
                alice.mesh.reach(bob.key, again.at(), sought=True)  # its card says so
                await alice.until(lambda: alice.up(again))
                assert {address.port for address in dialled} == {again.doors.pub}
            finally:
                again.close()
        finally:
            alice.close()

    asyncio.run(asyncio.wait_for(story(), DEADLINE_S))


def test_a_sought_peer_that_may_only_sleep_is_not_deserted() -> None:
    """One of its addresses answers nothing at all: it may be there, and its machine asleep."""

    async def story() -> None:
        alice = Node().bind()
        try:
            gone: list[bytes] = []
            object.__setattr__(alice.mesh._callbacks, "deserted", gone.append)
            key = CurveKeys.make().public
            with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
                port = silent.getsockname()[1]
                alice.mesh.reach(key, [Candidate("127.0.0.1", port, port), Candidate("127.0.0.2", 1, 1)], sought=True)
                (peer,) = alice.mesh._peers.values()
                await until(lambda: peer.incoming._nobody[Address("127.0.0.2", 1)] >= 3)
                assert not gone
                assert seeking()
        finally:
            alice.close()

    asyncio.run(asyncio.wait_for(story(), DEADLINE_S))
