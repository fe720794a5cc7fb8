"""A discovery service inside a peer."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from typing import Any

import pytest

from sandpiper.common import rendezvous
from sandpiper.discovery.embed import embed
from sandpiper.peer.p2p.state.options import Embed

DEADLINE_S = 10.0
HERE = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HERE, 0)) as server:
        return int(server.getsockname()[1])


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


async def hello(host: str, port: int) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b'{"type":"hello","v":1}\n')
    welcome: dict[str, Any] = json.loads(await asyncio.wait_for(reader.readline(), DEADLINE_S))
    writer.close()
    await writer.wait_closed()
    return welcome


def test_it_is_what_a_wish_asks_for() -> None:
    wished: Embed = embed
    assert wished is embed


def test_it_answers_where_it_was_asked_to_be_and_is_gone_afterwards() -> None:
    async def run() -> None:
        port = free_port()
        for _ in range(2):  # the port is free again at once
            embedded = await embed(HERE, port)
            assert embedded.port == port
            assert (await hello(HERE, port))["server"] == rendezvous.SERVER
            await embedded.close()
        with pytest.raises(ConnectionRefusedError):
            await hello(HERE, port)

    asyncio.run(run())


def test_each_has_a_key_of_its_own() -> None:
    async def run() -> None:
        one, another = await embed(HERE, free_port()), await embed(HERE, free_port())
        assert (await hello(HERE, one.port))["key"] != (await hello(HERE, another.port))["key"]
        await asyncio.gather(one.close(), another.close())

    asyncio.run(run())


@pytest.mark.parametrize("host", [HERE, "0.0.0.0"])
def test_where_somebody_is_already_the_caller_is_told(host: str) -> None:
    async def run() -> None:
        with socket.create_server((HERE, 0)) as other:
            with pytest.raises(OSError, match="Address") as raised:
                await embed(host, int(other.getsockname()[1]))
            assert raised.value.errno == errno.EADDRINUSE

    asyncio.run(run())


def test_an_address_that_is_not_this_machines() -> None:
    async def run() -> None:
        with pytest.raises(OSError, match="address"):
            await embed("192.0.2.123", free_port())

    asyncio.run(run())


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6")
def test_everywhere_is_ipv6_too() -> None:
    async def run() -> None:
        embedded = await embed("0.0.0.0", free_port())
        for host in (HERE, "::1"):
            assert (await hello(host, embedded.port))["server"] == rendezvous.SERVER
        await embedded.close()

    asyncio.run(run())


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6")
def test_a_port_that_only_ipv6_has_no_more_is_used_without_it() -> None:
    async def run() -> None:
        port = free_port()
        with socket.socket(socket.AF_INET6) as other:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            other.bind(("::1", port))
            other.listen()
            embedded = await embed("0.0.0.0", port)
            assert (await hello(HERE, port))["server"] == rendezvous.SERVER
            await embedded.close()

    asyncio.run(run())
