"""Members whose output nobody reads: they stay in the room, lose nothing that they promised, and end when told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandpiper.peer import Room, connect
from sandpiper.peer.events import Entered
from sandpiper.peer.profile import Profile
from tests.sockets.running import DEADLINE_S, RunningBroker, running

if sys.platform == "win32":
    pytest.skip("signals and pseudo-terminals", allow_module_level=True)

from tests.tui.window import Window

SANDPIPER = [sys.executable, "-m", "sandpiper.cli"]
FRAMES = 60  # of the screen, which its terminal does not take
LINES = 50_000  # of 200 octets: more than a pipe, our own queues and libzmq's hold together


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    with running(tmp_path / "data", "--rate", "100000:100") as broker:
        yield broker


def played(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 3 * DEADLINE_S))


async def entered(room: Room) -> None:
    async for event in room:
        if isinstance(event, Entered):
            return


def test_a_member_whose_terminal_takes_nothing_still_hears(broker: RunningBroker, tmp_path: Path) -> None:
    async def scene() -> None:
        async with connect(f"{broker.door}/lobby", nick="bob", profile=Profile.ephemeral()) as bob:
            await entered(bob)
            for number in range(FRAMES):
                await bob.send(f"number {number}, which is to be painted, in a frame of its own if that can be")
                await asyncio.sleep(0.06)
            await bob.whisper("anna", "are you there?")  # her session has confirmed it
            assert "anna" in [member.nick for member in await bob.members()]

    where = f"{broker.door}/lobby"
    window = Window(
        *SANDPIPER[1:], "connect", where, "--nick", "anna", columns=120, lines=40, SANDPIPER_HOME=str(tmp_path / "anna")
    )
    try:
        window.shows("in lobby as anna")
        played(scene())
        window.process.send_signal(signal.SIGTERM)
        assert window.process.wait(DEADLINE_S) == 143
    finally:
        window.close()


@pytest.mark.parametrize("way", ["--json", "--plain"])
def test_a_member_whose_pipe_is_full_still_hears(broker: RunningBroker, tmp_path: Path, way: str) -> None:
    async def scene() -> None:
        async with connect(f"{broker.door}/lobby", nick="bob", profile=Profile.ephemeral()) as bob:
            await entered(bob)
            for number in range(LINES):
                await bob.post(f"{number} " + "x" * 200)
            await bob.flush()
            await bob.whisper("anna", "are you there?")

    words = ["connect", f"{broker.door}/lobby", "--nick", "anna", way]
    with started(words, tmp_path, stderr=subprocess.STDOUT) as anna:
        assert anna.stdout is not None
        anna.stdout.readline()  # she is in the room
        played(scene())
        anna.send_signal(signal.SIGTERM)
        assert anna.wait(DEADLINE_S) == 143


def test_what_listen_has_not_printed_yet_it_prints_when_it_is_read(broker: RunningBroker, tmp_path: Path) -> None:
    async def scene() -> None:
        async with connect(f"{broker.door}/lobby", nick="bob", profile=Profile.ephemeral()) as bob:
            for number in range(LINES):
                await bob.post(f"{number} " + "x" * 200)

    words = ["listen", f"{broker.door}/lobby", "--json", "--count", str(LINES)]
    with started(words, tmp_path) as listening:
        assert listening.stdout is not None
        assert json.loads(listening.stdout.readline())["type"] == "joined"
        played(scene())  # the listener's reader reads nothing meanwhile
        heard = [json.loads(line) for line in listening.stdout]
        said = [entry for entry in heard if entry["type"] == "msg"]
        assert [int(entry["text"].partition(" ")[0]) for entry in said] == list(range(LINES))
        assert not [entry for entry in heard if entry["type"] == "lost"]
        assert listening.wait(DEADLINE_S) == 0


def started(words: list[str], home: Path, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SANDPIPER, *words],
        env={**os.environ, "SANDPIPER_HOME": str(home / "anna")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
