"""Who was removed is out, over real sockets, whatever its program says afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from sandpiper.common.io.sockets import CurveKeys
from sandpiper.common.p2p import deeds
from sandpiper.common.p2p.deeds import Admit, Readmit
from sandpiper.common.p2p.packets import Shout
from sandpiper.peer import Room, create, join
from sandpiper.peer.events import Received
from sandpiper.peer.p2p.engine import P2PEngine
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.profile import Profile
from tests.sockets.running import RunningDiscovery

DEADLINE_S = 40.0


@pytest.fixture
def discovery(tmp_path: Path) -> Iterator[RunningDiscovery]:
    made = RunningDiscovery(tmp_path / "discovery")
    yield made
    assert made.stop() == 0


def engine_of(room: Room) -> P2PEngine:
    engine = room._publisher.engine
    assert isinstance(engine, P2PEngine)
    return engine


async def until(engine: P2PEngine, holds: Callable[[], bool]) -> None:
    """Waits for the engine's next turn until this holds."""

    async def wait() -> None:
        while not holds():
            engine.moved.clear()
            await engine.moved.wait()

    await asyncio.wait_for(wait(), DEADLINE_S)


def test_a_removed_member_that_goes_on_comes_in_by_no_door_and_brings_nobody(discovery: RunningDiscovery) -> None:
    async def scene() -> None:
        async with AsyncExitStack() as stack:
            at = {"local": True, "discovery": discovery.door}
            alice = await stack.enter_async_context(create(nick="alice", profile=Profile.ephemeral(), **at))  # type: ignore[arg-type]
            assert alice.code is not None
            others = [
                await stack.enter_async_context(join(alice.code, nick=nick, profile=Profile.ephemeral(), **at))  # type: ignore[arg-type]
                for nick in ("bob", "mallory")
            ]
            a, b, m = (engine_of(room) for room in (alice, *others))
            for engine in (a, b, m):
                await until(engine, lambda engine=engine: sum(p.here for p in engine.member.peers.values()) == 2)  # type: ignore[misc]
            member = m.member
            member.governance._leave_if_out = lambda: None  # type: ignore[method-assign]  # it does not go by itself
            before, session = member.roster.graph.tips(), member.context.session
            assert await alice.kick("mallory") == ["mallory"]
            for engine in (a, b):
                await until(engine, lambda engine=engine: session not in engine.member.roster.members)  # type: ignore[misc]
            sybil = SessionKeys.make(SigningKey.generate(), CurveKeys.make().public, lambda n: b"s" * n)
            graph, identity = member.roster.graph, member.keyring.keys.identity
            for said in (Admit(sybil.vouched(graph.room), "code"), Readmit([member.keyring.person])):
                forged = deeds.sign(identity, graph.room, before, said)
                member.context.send_to_room(Shout(deeds=[forged.raw]))
            m.runner.pump()
            await others[1].post("still here?")
            for number, room in enumerate((alice, others[0])):
                await room.send(f"only us {number}")
            for engine in (a, b):
                members = engine.member.roster.members
                assert len(members) == 2
                assert not {session, sybil.session} & set(members)
                assert not engine.member.presence.admits(member.keyring.keys.curve)
                assert not any(
                    isinstance(event, Received) and event.message.nick == "mallory" for event in engine.events
                )

    asyncio.run(scene())
