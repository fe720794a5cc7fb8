"""What a person is told of the ways to be found, and how often they are looked for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sandpiper.common.io.lan import NO_NETWORK, Lan
from sandpiper.common.limits import LAN_AGAIN_MOST_S, RECONNECT_MOST_S, TAKE_OVER_MOST_S
from sandpiper.peer.p2p.rendezvous.services import Points, _Lease

NOBODY: Any = None


def test_a_network_that_is_not_told_of_the_room_is_told_of_once_until_it_is() -> None:
    async def run() -> None:
        moved: list[None] = []
        wish: Any = SimpleNamespace(lan=True, discovery=())
        points = Points(NOBODY, wish, SimpleNamespace(point_moved=lambda: moved.append(None)))
        lan = points._the_lan()
        assert isinstance(lan, Lan)
        lan._say("port 5353 is held")
        assert points.warnings == [], "who only looks has no room that others would look for"
        lan._say("")
        points._lease = _Lease(1, NOBODY, b"")
        for trouble in (NO_NETWORK, "port 5353 is held", "it is forbidden", "", "port 5353 is held"):
            lan._say(trouble)
        assert [each.kind for each in points.warnings] == ["lan", "lan"]
        assert "this network is not told of the room: port 5353 is held." in points.warnings[0].text
        assert len(moved) == 2

    asyncio.run(run())


@pytest.mark.parametrize("named", [True, False])
def test_a_service_that_is_not_to_be_had_is_looked_for_ever_more_seldom(
    named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with programs of others at all its ports: a member probed them once a second for as long as it lived."""
    rest = asyncio.sleep

    async def run() -> None:
        wish: Any = SimpleNamespace(lan=False, quiet=False, discovery=("d.example:8000",) if named else ())
        points = Points(NOBODY, wish, NOBODY)
        points._lease, points.trouble = _Lease(1, NOBODY, b""), {"d.example:8000": "no answer"}
        looks: list[list[float]] = [[]]

        async def slept(seconds: float) -> None:
            looks[-1].append(seconds)
            await rest(0)

        async def look(*_: Any, **__: Any) -> None:
            looks.append([])
            if len(looks) == 20:
                points.look()
            if len(looks) == 23:
                raise asyncio.CancelledError

        monkeypatch.setattr(asyncio, "sleep", slept)
        monkeypatch.setattr(points, "_rest", slept)
        monkeypatch.setattr(points, "_try" if named else "ensure_local", look)
        with pytest.raises(asyncio.CancelledError):
            await points._look_after()
        waited = [sum(each) for each in looks[:-1]]
        assert waited[:3] == [1.0, 2.0, 4.0]
        assert waited[10:19] == [RECONNECT_MOST_S if named else TAKE_OVER_MOST_S] * 9
        assert waited[19:] == [1.0, 2.0, 4.0], "and anew once the network is another"

    asyncio.run(run())


def test_nothing_is_kept_of_a_service_that_was_found_and_is_dialled_no_more() -> None:
    async def run() -> None:
        told: list[tuple[Any, list[Any]]] = []
        wish: Any = SimpleNamespace(lan=False, discovery=())
        points = Points(NOBODY, wish, SimpleNamespace(cards=lambda point, cards: told.append((point, cards))))

        async def close() -> None:
            pass

        gone: Any = SimpleNamespace(address="192.0.2.1:8000", up=False, close=close)
        points.all.append(gone)
        points._found.add(gone.address)
        points._around_at, points._around_s = 0.0, LAN_AGAIN_MOST_S
        await points._look_around(1)
        assert points.all == []
        assert told == [(gone, [])]

    asyncio.run(run())
