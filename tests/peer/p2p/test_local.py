"""Who stays on this machine dials nobody elsewhere, whatever the others say."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sandpiper.common.p2p.packets import Card
from sandpiper.peer.p2p.mesh.mesh import Candidate
from sandpiper.peer.p2p.relay.pool import RelayPool
from sandpiper.peer.p2p.state.peer import PeerState
from sandpiper.peer.p2p.transport import Transport

NOBODY: Any = None


def test_a_relay_elsewhere_that_a_service_tells_of_is_none() -> None:
    async def run() -> None:
        relays = RelayPool(NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, local=True)
        assert not relays._may_dial("127.0.0.1", "203.0.113.9")
        assert relays._may_dial("127.0.0.1", "127.0.0.1")
        await relays.close()

    asyncio.run(run())


@pytest.mark.parametrize("local", [True, False])
def test_of_a_members_addresses_only_those_of_this_machine_are_dialled(local: bool) -> None:
    dialled: list[Candidate] = []
    card = Card(b"s" * 32, 1, "bo", hosts=["10.0.0.9", "127.0.0.1", "2001:db8::1", "::1"], pub=7000, sub=7001)
    peer = SimpleNamespace(card=card, state=PeerState.PRESENT, keys=SimpleNamespace(curve=b"c", session=b"s"))
    transport: Any = SimpleNamespace(
        _presence=SimpleNamespace(sharing=lambda curve: [peer]),
        _candidates=lambda card: Transport._candidates(transport, card),
        _peers={b"s": peer},
        _options=SimpleNamespace(path="auto", local=local),
        _outward=set(),
        _mesh=SimpleNamespace(
            reach=lambda curve, found, **how: dialled.extend(found), is_connected=lambda curve: False
        ),
    )
    Transport.reach(transport, b"s")
    assert [each.host for each in dialled] == (["127.0.0.1", "::1"] if local else card.hosts)
