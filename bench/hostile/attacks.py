"""All attacks by name, in an order in which those come last that end something for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.hostile import membership_attacks, presence_attacks, talk_attacks
from bench.hostile.member import HostileMember
from sandpiper.peer.p2p.state.outputs import OutgoingPacket

ATTACKS: dict[str, Callable[[HostileMember], Iterator[OutgoingPacket]]] = {
    **presence_attacks.ATTACKS,
    **membership_attacks.ATTACKS,
    **talk_attacks.ATTACKS,
}


def quiet(me: HostileMember) -> Iterator[OutgoingPacket]:
    """Nothing, to measure by."""
    yield from ()
