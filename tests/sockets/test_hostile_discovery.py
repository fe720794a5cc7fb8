"""Beside a discovery service that lies, an honest pair still meets: by a second service, or over the local network."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandpiper.common.errors import SandpiperError
from sandpiper.common.limits import JOIN_GUESSES
from sandpiper.common.sanitise import printable
from sandpiper.discovery.service import DiscoveryConfig, DiscoveryService
from sandpiper.peer import Room, create, join
from sandpiper.peer.events import Received, Warned
from sandpiper.peer.p2p.engine import P2PEngine
from sandpiper.peer.profile import Profile
from tests.sockets.lying import LIES, LyingService
from tests.sockets.members import Cast
from tests.sockets.netns import network

DEADLINE_S = 60.0


@asynccontextmanager
async def services(lie: str) -> AsyncIterator[tuple[LyingService, DiscoveryService]]:
    """A service that lies, and one that does not."""
    bad = LyingService(DiscoveryConfig("127.0.0.1", 0, settle_s=0.0), LIES[lie])
    good = DiscoveryService(DiscoveryConfig("127.0.0.1", 0, settle_s=0.0))
    await bad.open()
    await good.open()
    try:
        yield bad, good
    finally:
        await bad.close()
        await good.close()


def at(*doors: str) -> dict[str, Any]:
    return {"discovery": list(doors), "lan": False, "listen": "127.0.0.1", "profile": Profile.ephemeral()}


async def hears(room: Room, text: str) -> list[Warned]:
    """Waits for a message; what was warned of before it."""
    warned: list[Warned] = []
    async for event in room:
        if isinstance(event, Received) and getattr(event.message, "text", "") == text:
            return warned
        if isinstance(event, Warned):
            warned.append(event)
    raise AssertionError("the room has ended")


@pytest.mark.parametrize("lie", LIES)
def test_beside_a_service_that_lies_a_pair_meets_by_another(lie: str) -> None:
    async def run() -> None:
        async with services(lie) as (bad, good):
            doors = (bad.ready().door, good.ready().door)
            async with create(nick="alice", **at(*doors)) as alice:
                engine = alice._made.engine if alice._made is not None else None
                assert isinstance(engine, P2PEngine)
                assert "10.11.12.13" not in engine.runner.transport.hosts
                assert engine.status.code is not None
                async with join(engine.status.code, nick="bob", **at(*doors)) as bob:
                    await bob.send("here I am")
                    warned = await hears(alice, "here I am")
                    await alice.send("so am I")
                    warned += await hears(bob, "so am I")
            assert bad.guessed <= JOIN_GUESSES
            for each in warned:
                assert each.text == printable(each.text)
                assert len(each.text) < 500
            if bad.guessed:
                assert any(each.kind == "guess" and "without knowing the code" in each.text for each in warned)

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


@pytest.mark.parametrize("lie", ["full rooms", "denying rooms", "guessing rooms", "no room", "too fast", "hanging up"])
def test_what_the_only_service_lies_ends_in_one_short_clean_line(lie: str) -> None:
    async def run() -> None:
        async with services(lie) as (bad, _):
            with pytest.raises(SandpiperError) as raised:
                async with join("pine-ocean-42", nick="bob", **at(bad.ready().door)):
                    raise AssertionError("in a room of nobody's")
            text = str(raised.value)
            assert text == printable(text)
            assert len(text) < 500
            assert bad.guessed <= JOIN_GUESSES

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


LYING = [sys.executable, "-m", "tests.sockets.lying"]


def test_beside_a_service_that_lies_on_the_own_machine_a_pair_meets_over_the_network(tmp_path: Path) -> None:
    with network("lan", "lan") as (one, other), Cast(tmp_path) as cast:
        lying = other.popen([*LYING, "8000", "guessing rooms"], stdout=subprocess.PIPE, text=True)
        assert lying.stdout is not None
        assert lying.stdout.readline() == "127.0.0.1:8000\n"
        alice = cast.create("alice", host=one)
        bob = cast.join("bob", alice.code, host=other)
        alice.sees("alice", "bob")
        bob.send("here I am")
        alice.hears("here I am")
        # Alice's own service may have answered first: then the other was never tried.
        assert all("without knowing the code" in said["text"] for said in bob.warnings("guess"))
