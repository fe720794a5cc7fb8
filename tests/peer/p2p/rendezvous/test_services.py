"""What a person is told of the ways to be found, and how often they are looked for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sandpiper.common.errors import SocketError
from sandpiper.common.io.lan import NO_NETWORK, Lan
from sandpiper.common.limits import LAN_AGAIN_MOST_S, RECONNECT_MOST_S, TAKE_OVER_MOST_S
from sandpiper.peer.p2p.rendezvous.connections import _RoomLease
from sandpiper.peer.p2p.rendezvous.services import DiscoveryServices

NOBODY: Any = None


def test_a_network_that_is_not_told_of_the_room_is_told_of_once_until_it_is() -> None:
    async def run() -> None:
        moved: list[None] = []
        options: Any = SimpleNamespace(lan=True, discovery=())
        services = DiscoveryServices(
            NOBODY, options, NOBODY, SimpleNamespace(services_moved=lambda: moved.append(None))
        )
        lan = services._open_lan()
        assert isinstance(lan, Lan)
        lan._say("port 5353 is held")
        assert services.connections.warnings == [], "who only looks has no room that others would look for"
        lan._say("")
        services.connections._lease = _RoomLease(1, NOBODY, b"")
        for trouble in (NO_NETWORK, "port 5353 is held", "it is forbidden", "", "port 5353 is held"):
            lan._say(trouble)
        assert [each.kind for each in services.connections.warnings] == ["lan", "lan"]
        assert "this network is not told of the room: port 5353 is held." in services.connections.warnings[0].text
        assert len(moved) == 2

    asyncio.run(run())


@pytest.mark.parametrize("named", [True, False])
def test_a_service_that_is_not_to_be_had_is_looked_for_ever_more_seldom(
    named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with programs of others at all its ports: a member probed them once a second for as long as it lived."""
    rest = asyncio.sleep

    async def run() -> None:
        options: Any = SimpleNamespace(lan=False, quiet=False, discovery=("d.example:8000",) if named else ())
        services = DiscoveryServices(NOBODY, options, NOBODY, NOBODY)
        services.connections._lease = _RoomLease(1, NOBODY, b"")
        services.connections.trouble = {"d.example:8000": "no answer"}
        looks: list[list[float]] = [[]]

        async def slept(seconds: float) -> None:
            looks[-1].append(seconds)
            await rest(0)

        async def look(*_: Any, **__: Any) -> None:
            looks.append([])
            if len(looks) == 20:
                services.hosts_changed()
            if len(looks) == 23:
                raise asyncio.CancelledError

        monkeypatch.setattr(asyncio, "sleep", slept)
        monkeypatch.setattr(services, "_pause", slept)
        owner, name = (services.connections, "connect") if named else (services, "ensure_local")
        monkeypatch.setattr(owner, name, look)
        with pytest.raises(asyncio.CancelledError):
            await services._maintain()
        waited = [sum(each) for each in looks[:-1]]
        assert waited[:3] == [1.0, 2.0, 4.0]
        assert waited[10:19] == [RECONNECT_MOST_S if named else TAKE_OVER_MOST_S] * 9
        assert waited[19:] == [1.0, 2.0, 4.0], "and anew once the network is another"

    asyncio.run(run())


def test_nothing_is_kept_of_a_service_that_was_found_and_is_dialled_no_more() -> None:
    async def run() -> None:
        told: list[tuple[Any, list[Any]]] = []
        options: Any = SimpleNamespace(lan=False, discovery=())
        services = DiscoveryServices(
            NOBODY, options, NOBODY, SimpleNamespace(cards=lambda point, cards: told.append((point, cards)))
        )

        async def close() -> None:
            pass

        gone: Any = SimpleNamespace(address="192.0.2.1:8000", up=False, close=close)
        services.connections.all.append(gone)
        services._found.add(gone.address)
        services._around_at, services._around_s = 0.0, LAN_AGAIN_MOST_S
        await services._browse_again(1)
        assert services.connections.all == []
        assert told == [(gone, [])]

    asyncio.run(run())


def test_a_service_that_this_machine_has_no_room_for_keeps_nobody_from_a_room_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def embed(host: str, port: int) -> Any:
        raise SocketError("no socket can be made")

    async def nobody() -> None:
        """Runs here."""

    async def run() -> None:
        options: Any = SimpleNamespace(lan=False, discovery=(), quiet=False, local=True, embed=embed)
        services = DiscoveryServices(NOBODY, options, NOBODY, NOBODY)
        monkeypatch.setattr(services, "_probe_local", nobody)
        await services.ensure_local()
        with pytest.raises(SocketError):  # but one that is to be opened needs it
            services.require()

    asyncio.run(asyncio.wait_for(run(), 20))
