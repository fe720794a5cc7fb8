"""What a route says of why there is no line, and when it gives a peer up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sandpiper.common.limits import DESERTED, MESH_FITFUL, MESH_FITFUL_S
from sandpiper.peer.p2p.mesh import dialer
from sandpiper.peer.p2p.mesh.connection import Address, NoConnection
from sandpiper.peer.p2p.mesh.dialer import PeerDialer

NOBODY: Any = None


def test_addresses_elsewhere_stand_before_our_own_loopback_which_refuses_first() -> None:
    async def run() -> None:
        route = PeerDialer(asyncio.get_running_loop(), NOBODY, lambda: None)
        assert route.error == "no address is known"
        route._addresses = [Address("127.0.0.1", 7000), Address("10.9.3.2", 7000)]
        assert route.error == "not tried yet"
        route._failed(Address("127.0.0.1", 7000), "connection refused", nobody=True)
        assert route.error == "10.9.3.2:7000: no answer yet; 127.0.0.1:7000: connection refused"
        route._failed(Address("10.9.3.2", 7000), "no route to that host", nobody=False)
        assert route.error == "10.9.3.2:7000: no route to that host; 127.0.0.1:7000: connection refused"

    asyncio.run(run())


@pytest.mark.timeout(60)
@pytest.mark.parametrize("again", ["knocked", "moved"])
def test_a_peer_that_was_given_up_is_dialled_again_when_it_knocks_or_this_machine_moves(
    monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        turned, deserted = asyncio.Event(), asyncio.Event()
        dialled, listens = 0, False

        async def dial(_loop: Any, address: Address, _make: Any, _made: Any) -> Any:
            nonlocal dialled
            dialled += 1
            if not listens:
                raise NoConnection("connection refused", nobody=True)
            return SimpleNamespace(address=address, ended=None, since=loop.time(), from_host="", close=lambda: None)

        monkeypatch.setattr(dialer, "dial", dial)
        route = PeerDialer(loop, NOBODY, turned.set, deserted.set)
        there = [Address("127.0.0.1", 7000)]
        route.set_addresses(there)
        route.set_sought(True)
        await deserted.wait()
        assert dialled == DESERTED
        # It is not long gone: it has been started again, and knocks.
        listens = True
        deserted.clear()
        turned.clear()
        if again == "knocked":
            route.set_addresses(there)
        else:
            route.retry_now(())
        route.set_sought(True)
        while route.connection is None:
            assert not deserted.is_set()
            await turned.wait()
            turned.clear()
        assert dialled == DESERTED + 1
        route.close()

    asyncio.run(run())


def test_lines_that_fall_silent_one_after_the_other_are_not_relied_on_until_one_has_lasted() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        turned: list[bool] = []
        route = PeerDialer(loop, NOBODY, lambda: turned.append(route.fitful))
        for _ in range(MESH_FITFUL):
            assert not route.fitful
            line: Any = SimpleNamespace(address=Address("10.9.3.2", 7000), since=loop.time(), silent=True, close=int)
            route._stands(line)
            route._broken(line, "the connection was lost")
        assert route.error.startswith("connections are made and fall silent")
        route._stands(line)
        assert turned[-1], "up again, and still not to be relied on"
        assert route._proving is not None
        route._proven()
        assert (turned[-1], route.error) == (False, "")
        route.close()

    asyncio.run(run())


def test_a_line_that_lasted_or_was_closed_is_not_fitful() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        route = PeerDialer(loop, NOBODY, lambda: None)
        for lasted, silent in ((MESH_FITFUL_S, True), (0.0, False)) * MESH_FITFUL:
            since = loop.time() - lasted
            line: Any = SimpleNamespace(address=Address("10.9.3.2", 7000), since=since, silent=silent, close=int)
            route._stands(line)
            route._broken(line, "the connection was lost")
        assert not route.fitful
        route.close()

    asyncio.run(run())
