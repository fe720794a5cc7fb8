"""A broker's bus that cuts everybody: its ports are open again, and nobody is counted who is not there."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

from sandpiper.broker.bus import Pair
from sandpiper.common.io.descriptors import Descriptors
from sandpiper.common.io.sockets import context
from tests.sockets.running import DEADLINE_S
from tests.sockets.test_pacer import SIGNATURE_BYTES, until
from tests.sockets.test_service import free_port

CROWD, TIMES = 20, 20


def nothing(*said: object) -> None:
    """Whom nobody calls."""


def test_the_ports_are_open_again_however_often_and_the_crowd_has_gone() -> None:
    async def run() -> None:
        loop, ctx, port = asyncio.get_running_loop(), context(), free_port()
        pair = Pair(
            loop,
            ctx,
            None,
            publications=nothing,
            subscription=nothing,
            done=lambda: None,
            descriptors=Descriptors(),
            came=nothing,
        )
        pair.bind(["127.0.0.1"], port, free_port())
        with ExitStack() as stack:
            crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CROWD)]
            await until(lambda: pair.connections == CROWD)
            for _ in range(TIMES):  # at once: the listener of before may still be there
                pair.rebind()
            assert pair.connections == 0
            for each in crowd:
                each.settimeout(DEADLINE_S)
                while await asyncio.to_thread(each.recv, 100):
                    pass
            newcomer = await _admitted(port)
            stack.enter_context(newcomer)
            await until(lambda: pair.connections == 1)
        pair.close()
        ctx.term()

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


async def _admitted(port: int) -> socket.socket:
    """Tries until the port is open."""
    while True:
        newcomer = socket.socket()
        newcomer.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(newcomer, ("127.0.0.1", port))
            if await asyncio.get_running_loop().sock_recv(newcomer, SIGNATURE_BYTES):
                return newcomer
        except ConnectionError:
            pass
        newcomer.close()
        await asyncio.sleep(0.001)
