"""What a session of a person is."""

from __future__ import annotations

import pytest

from sandpiper.common import control
from sandpiper.common.errors import Refusal
from tests.broker.fixture import House, members, notices, refusal


def test_a_session_may_be_in_many_rooms_under_many_nicks(house: House) -> None:
    alice = house.join("alice")
    house.ask(alice.key or b"", control.Join(r=3, room="pine", nick="al"))
    house.publish(alice, "one", 1)
    house.publish(alice, "two", 1, "pine")
    house.take()
    assert [(message.room, message.nick, message.seq) for room in ("lobby", "pine") for message in house.log(room)] == [
        ("lobby", "alice", 1),
        ("pine", "al", 1),
    ]
    assert [(info.room, info.members, info.seq) for info in house.broker.listing()] == [("lobby", 1, 1), ("pine", 1, 1)]
    house.broker.end(alice, house.now, grace=False)
    assert notices(house.take()) == ["alice left", "al left"]
    assert alice.key not in house.broker.sessions


def test_a_nick_is_one_persons_and_shared_by_its_sessions(house: House) -> None:
    house.join("alice")
    bob = house.enrol("bob")
    for same in ("alice", "Alice", "ALICE"):
        assert refusal(house, bob.key or b"", control.Join(r=3, room="lobby", nick=same)) == "nick_taken"
    house.join("alice", device="phone")
    assert members(house) == ["alice", "alice"]
    with pytest.raises(Refusal, match="taken"):
        house.line("alice")


def test_the_nick_stays_while_one_session_has_it(house: House) -> None:
    one, two = house.join("alice"), house.join("alice", device="phone")
    bob = house.join("bob")
    house.ask(one.key or b"", control.Bye(r=5))
    assert refusal(house, bob.key or b"", control.Claim(r=3, room="lobby", nick="alice")) == "nick_taken"
    house.ask(two.key or b"", control.Bye(r=5))
    assert isinstance(house.ask(bob.key or b"", control.Claim(r=4, room="lobby", nick="alice")), control.Done)
