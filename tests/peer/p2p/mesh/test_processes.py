"""The mesh between processes: killed, stopped, and back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandpiper.common.io import sockets
from sandpiper.common.io.sockets import CurveKeys
from sandpiper.peer.p2p.mesh.mesh import Candidate
from tests.peer.p2p.nodes import DEADLINE_S, Node

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

SOLO = Path(__file__).with_name("solo.py")


class Solo:
    """One process with a mesh, and what it reports."""

    def __init__(self, keys: CurveKeys) -> None:
        self.keys = keys
        self.reports: list[dict[str, Any]] = []
        self.doors = (0, 0)

    async def start(self, port: int = 0) -> Solo:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(SOLO),
            self.keys.secret.hex(),
            str(port),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        report = await self.until(lambda report: "doors" in report)
        self.doors = tuple(report["doors"])
        return self

    @property
    def contact(self) -> tuple[str, int, int]:
        return (self.keys.public.hex(), *self.doors)

    def order(self, **what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    async def until(self, wanted: Callable[[dict[str, Any]], bool], deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        """The next report that is wanted; those before it are passed over, and kept."""
        assert self.process.stdout is not None

        async def look() -> dict[str, Any]:
            assert self.process.stdout is not None
            while line := await self.process.stdout.readline():
                self.reports.append(json.loads(line))
                if wanted(self.reports[-1]):
                    return self.reports[-1]
            raise AssertionError(f"it ended: {self.reports}")

        return await asyncio.wait_for(look(), deadline_s)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        await self.process.communicate()


@asynccontextmanager
async def solos(count: int) -> AsyncIterator[list[Solo]]:
    running: list[Solo] = []
    try:
        for _ in range(count):
            running.append(await Solo(CurveKeys.make()).start())
        yield running
    finally:
        for solo in running:
            await solo.kill()


@asynccontextmanager
async def with_one() -> AsyncIterator[tuple[Node, Solo]]:
    """Alice here and bob in a process, acquainted."""
    async with solos(1) as (bob,):
        alice = Node().bind()
        try:
            alice.roster.add(bob.keys.public)
            alice.mesh.reach(bob.keys.public, [Candidate("127.0.0.1", *bob.doors)])
            bob.order(meet=[(alice.key.hex(), *alice.doors)])
            await bob.until(lambda report: report.get("subscribed") == alice.key.hex())
            await alice.until(
                lambda: stands(alice, bob) and any(key == bob.keys.public for key, _ in alice.subscribers)
            )
            yield alice, bob
        finally:
            alice.close()


def stands(alice: Node, bob: Solo) -> bool:
    return alice.mesh.links()[bob.keys.public].address is not None


def test_three_processes() -> None:
    async def run() -> None:
        async with solos(3) as three:
            for solo in three:
                solo.order(meet=[other.contact for other in three if other is not solo])
            for solo in three:
                for _ in range(2):
                    await solo.until(lambda report: "subscribed" in report)
            for solo in three:
                solo.order(say="hello", times=100)
            for solo in three:
                await solo.until(lambda report: report.get("heard") == 200)

    asyncio.run(run())


def test_killed_and_restarted_at_the_same_port() -> None:
    async def run() -> None:
        async with with_one() as (alice, bob):
            bob.process.kill()
            await bob.process.communicate()
            await alice.until(lambda: not stands(alice, bob))
            again = await Solo(bob.keys).start(bob.doors[0])
            try:
                again.order(meet=[(alice.key.hex(), *alice.doors)])
                await again.until(lambda report: report.get("subscribed") == alice.key.hex(), deadline_s=3)
                again.order(say="back", times=1)
                await alice.until(lambda: [packet for _, packet in alice.packets] == [b"back 0"])
            finally:
                await again.kill()

    asyncio.run(run())


def test_stopped_noticed_and_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    silent_s = float(os.environ.get("SANDPIPER_TEST_STOPPED_S", "0.6"))
    if silent_s < 5:
        monkeypatch.setattr(sockets, "MESH_HEARTBEAT_S", silent_s / 3)
        monkeypatch.setattr(sockets, "MESH_SILENT_S", silent_s)

    async def run() -> None:
        async with with_one() as (alice, bob):
            bob.process.send_signal(signal.SIGSTOP)
            await alice.until(lambda: not stands(alice, bob))
            assert alice.states[-1] == (bob.keys.public, False, "the connection was lost")
            with pytest.raises(AssertionError):
                await alice.until(lambda: stands(alice, bob), deadline_s=2 * silent_s)
            bob.process.send_signal(signal.SIGCONT)
            await bob.until(lambda report: report.get("subscribed") == alice.key.hex(), deadline_s=1)
            await alice.until(lambda: stands(alice, bob), deadline_s=1)
            bob.order(say="awake", times=1)
            await alice.until(lambda: [packet for _, packet in alice.packets] == [b"awake 0"])

    asyncio.run(run())
