"""What a route says of why there is no line."""

from __future__ import annotations

import asyncio
from typing import Any

from sandpiper.peer.p2p.mesh.connection import Address
from sandpiper.peer.p2p.mesh.dialer import Route

NOBODY: Any = None


def test_addresses_elsewhere_stand_before_our_own_loopback_which_refuses_first() -> None:
    async def run() -> None:
        route = Route(asyncio.get_running_loop(), NOBODY, lambda: None)
        assert route.error == "no address is known"
        route._addresses = [Address("127.0.0.1", 7000), Address("10.9.3.2", 7000)]
        assert route.error == "not tried yet"
        route._failed(Address("127.0.0.1", 7000), "connection refused", nobody=True)
        assert route.error == "10.9.3.2:7000: no answer yet; 127.0.0.1:7000: connection refused"
        route._failed(Address("10.9.3.2", 7000), "no route to that host", nobody=False)
        assert route.error == "10.9.3.2:7000: no route to that host; 127.0.0.1:7000: connection refused"

    asyncio.run(run())
