"""What publishers are told of what is stored."""

from __future__ import annotations

from sandpiper.common import control
from sandpiper.common.control import Acked
from tests.broker.fixture import House, events


def test_acks_are_coalesced_and_kept_apart_by_room_and_session(house: House) -> None:
    alice, bob = house.join("alice"), house.join("bob")
    house.ask(alice.key or b"", control.Join(r=3, room="pine", nick="alice"))
    for n in (1, 2, 3):
        house.publish(alice, "x", n)
        house.publish(bob, "y", n)
    house.publish(alice, "z", 1, "pine")
    outputs = house.take()
    assert events(outputs, alice, Acked) == [
        Acked(room="lobby", n=1, seqs=[1, 3, 5]),
        Acked(room="pine", n=1, seqs=[1]),
    ]
    assert events(outputs, bob, Acked) == [Acked(room="lobby", n=1, seqs=[2, 4, 6])]
