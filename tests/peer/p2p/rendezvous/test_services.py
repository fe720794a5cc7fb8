"""What a person is told of the ways to be found."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from sandpiper.common.io.lan import NO_NETWORK, Lan
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
