"""When a room is there."""

from __future__ import annotations

from sandpiper.common import control
from sandpiper.common.limits import NICK_GRACE_S
from tests.broker.fixture import House, refusal


def test_a_room_where_nothing_happened_is_forgotten(house: House) -> None:
    alice = house.join("alice", "pine", nick="")
    house.ask(alice.key or b"", control.Leave(r=3, room="pine"))
    assert "pine" not in house.broker.rooms
    alice = house.enrol("alice")
    assert refusal(house, alice.key or b"", control.Join(r=4, room="oak", nick="a/b")) == "invalid"
    assert "oak" not in house.broker.rooms


def test_a_room_is_not_forgotten_while_it_keeps_a_nick(house: House) -> None:
    alice = house.join("alice", "pine")
    house.broker.end(alice, house.now, grace=True)
    bob = house.enrol("bob")
    assert refusal(house, bob.key or b"", control.Join(r=3, room="pine", nick="alice")) == "nick_taken"
    house.tick(NICK_GRACE_S)
    assert "pine" not in house.broker.rooms
    assert house.store.load().nicks == []
