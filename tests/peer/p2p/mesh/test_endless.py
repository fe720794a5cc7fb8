"""A member that sends a message that never ends is cut, and the others notice nothing. Linux tells enough for that."""

from __future__ import annotations

import asyncio
import sys

import pytest

from sandpiper.common.io.sockets import CurveKeys
from sandpiper.peer.p2p.mesh import flood_guard
from sandpiper.peer.p2p.mesh.mesh import Candidate
from tests.peer.p2p.nodes import TOPIC, Node, acquainted
from tests.sockets.attack import RawCurve, RawServer

MIB = 1024 * 1024
MOST_BYTES = 600 * MIB
"""What a cut must come before: on loopback, with the looks that a busy machine puts off."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the guard reads Linux's TCP_INFO")


@pytest.mark.parametrize(("door", "size"), [("sub", 500_000), ("pub", 400)])
def test_at_our_doors(monkeypatch: pytest.MonkeyPatch, door: str, size: int) -> None:
    if door == "pub":  # by hand it takes long to send much in small parts
        monkeypatch.setattr(flood_guard, "GUARD_MARGIN_BYTES", MIB)
        monkeypatch.setattr(flood_guard, "MESH_UNFINISHED_BYTES", 4 * MIB)

    async def run() -> None:
        alice, bob = Node().bind(), Node().bind()
        end: RawCurve | None = None
        try:
            await acquainted(alice, bob)
            keys = CurveKeys.make()
            alice.roster.add(keys.public)
            port, kind = (alice.doors.sub, "PUB") if door == "sub" else (alice.doors.pub, "SUB")
            end = await asyncio.to_thread(RawCurve, "127.0.0.1", port, keys, alice.key, kind)
            assert end.admitted

            def pour() -> None:
                for _ in range(MOST_BYTES // size):
                    if not end.send(TOPIC + bytes(size), flags=1):
                        return
                pytest.fail("all of one endless message was taken")

            pouring = asyncio.create_task(asyncio.to_thread(pour))
            count = 0
            while not pouring.done():
                count += 1
                alice.say(b"%d" % count)
                await bob.hears_last(b"%d" % count)
                bob.packets.clear()
            await pouring
            assert alice.mesh.cut == 1
            assert bob.up(alice)
        finally:
            if end is not None:
                end.wire.close()
            alice.close()
            bob.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_on_our_line() -> None:
    async def run() -> None:
        alice, bob = Node().bind(), Node().bind()
        server = RawServer(CurveKeys.make())
        try:
            await acquainted(alice, bob)
            key = server.keys.public
            alice.mesh.reach(key, [Candidate("127.0.0.1", server.port, 1)])
            await asyncio.to_thread(server.accept)
            await alice.until(lambda: alice.mesh.links()[key].address is not None)
            assert server.send(TOPIC + b"whole", 0)
            await alice.until(lambda: (key, b"whole") in alice.packets)

            def pour() -> None:
                for _ in range(MOST_BYTES // 500_000):
                    if not server.send(TOPIC + bytes(500_000), 1):
                        return
                pytest.fail("all of one endless message was taken")

            await asyncio.to_thread(pour)
            await alice.until(lambda: (key, False, "cut: it sends without end") in alice.states)
            bob.say(b"quiet here")
            await alice.until(lambda: alice.of(bob) == [b"quiet here"])
        finally:
            server.close()
            alice.close()
            bob.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_mesh_that_has_grown_lets_honest_members_send_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood_guard, "GUARD_MARGIN_BYTES", -(1 << 40))

    async def run() -> None:
        alice, bob = Node().bind(), Node()
        try:
            alice.admit(bob)
            bob.meet(alice, outward=True)
            await bob.until(lambda: bob.up(alice) and bob.heard_by(alice))
            await alice.until(lambda: alice.heard_by(bob))
            for number in range(200):
                for end, other in ((alice, bob), (bob, alice)):
                    end.say(bytes(500_000), b"%d" % number)
                    await other.hears_last(b"%d" % number)
                    other.packets.clear()
            assert alice.mesh.cut == bob.mesh.cut == 0
            assert alice.mesh._guard._marks, "it did look"
        finally:
            alice.close()
            bob.close()

    asyncio.run(asyncio.wait_for(run(), 60))
