"""A discovery service that sends a message that never ends is cut off before it has filled a member's memory."""

from __future__ import annotations

import asyncio
import sys

import pytest
from zmq.utils import z85

from sandpiper.common import rendezvous
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.common.limits import VERSION
from sandpiper.common.messages import Welcome
from sandpiper.common.target import Target
from sandpiper.peer import hello
from sandpiper.peer.p2p.mesh.mesh import Mesh, MeshCallbacks
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient
from sandpiper.peer.profile import Profile
from tests.sockets.attack import RawServer
from tests.sockets.test_discovery import Heard

MIB = 1024 * 1024
MOST_BYTES = 600 * MIB
"""What a cut must come before: on loopback, with the looks that a busy machine puts off."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the guard reads Linux's TCP_INFO")


def test_a_service_that_sends_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    server = RawServer(CurveKeys.make(), "ROUTER")

    async def greet(*_: object) -> hello.Greeting:
        welcome = Welcome(VERSION, rendezvous.SERVER, z85.encode(server.keys.public).decode(), None, None, "")
        return hello.Greeting(welcome, server.keys.public, Target("127.0.0.1", server.port))

    def lets_in() -> None:
        server.accept()
        greeted = rendezvous.Greeted(r=1, mailbox=b"m" * 16, observed="")
        assert server.send(rendezvous.encode(greeted), 0)

    def pour() -> None:
        for _ in range(MOST_BYTES // 500_000):
            if not server.send(bytes(500_000), 1):
                return
        pytest.fail("all of one endless message was taken")

    async def run() -> None:
        loop, ctx, heard = asyncio.get_running_loop(), context(), Heard()
        nothing = MeshCallbacks(lambda packets, key: None, lambda *_: None, lambda *_: None)
        mesh = Mesh(loop, ctx, CurveKeys.make(), lambda key: False, nothing)
        client = RendezvousClient(
            ctx, "127.0.0.1:1", Profile.ephemeral(), pin=False, callbacks=heard, guard=mesh.services
        )
        try:
            accepted = asyncio.create_task(asyncio.to_thread(lets_in))
            await client.open()
            await accepted
            await asyncio.to_thread(pour)
            await heard.until(lambda: heard.downs)
            assert not client.up
            assert list(mesh.services.flows()) == []
        finally:
            await client.close()
            mesh.close()
            await mesh.ended()
            server.close()
            ctx.term()

    monkeypatch.setattr(hello, "greet", greet)
    asyncio.run(asyncio.wait_for(run(), 60))
