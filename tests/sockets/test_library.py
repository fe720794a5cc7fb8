"""Programs that use the library, as processes of their own on a machine where nothing else runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.sockets.netns import Host, network

DEADLINE_S = 40

OPENS = """
import asyncio, sys
from sandpiper.common.legacy import PeerLeft
from sandpiper.peer import create, join
from sandpiper.peer.events import Received
from sandpiper.peer.profile import Profile

async def main(code):
    wish = {"nick": "alice", "local": True, "profile": Profile.ephemeral()}
    async with join(code, open_if_missing=True, **wish) if code else create(**wish) as room:
        print(room.code, flush=True)
        async for event in room:
            if isinstance(event, Received):
                print(event.message.nick, event.message.text, flush=True)
            elif isinstance(event, PeerLeft):  # not before bob knows that it is stored
                break

asyncio.run(main(*sys.argv[1:]))
"""

JOINS = """
import asyncio, sys
from sandpiper.peer import join
from sandpiper.peer.profile import Profile

async def main(code):
    async with join(code, nick="bob", local=True, profile=Profile.ephemeral()) as room:
        await room.send("hello")

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def machine() -> Iterator[Host]:
    with network("nowhere") as (host,):
        yield host


def run(machine: Host, program: str, *words: str) -> subprocess.Popen[str]:
    return machine.popen(
        [sys.executable, "-W", "error", "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("code", ["", "pine-ocean-4242"])
def test_two_programs_meet_where_no_discovery_service_runs(machine: Host, code: str) -> None:
    alice = run(machine, OPENS, code)
    assert alice.stdout is not None
    opened = alice.stdout.readline().strip()
    assert opened == code if code else opened, alice.communicate(timeout=DEADLINE_S)[1]
    bob = run(machine, JOINS, opened)
    assert (bob.communicate(timeout=DEADLINE_S), bob.returncode) == (("", ""), 0)
    assert (alice.communicate(timeout=DEADLINE_S), alice.returncode) == (("bob hello\n", ""), 0)
