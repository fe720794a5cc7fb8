"""The fetcher: what is missing is asked for until it is here, or certain to be lost."""

from __future__ import annotations

import pytest

from sandpiper.common.limits import (
    FETCH_TIMEOUT_S,
)
from sandpiper.common.messages import Lost
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Frontier, Page
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.hostile import forged, shout, still_works, three
from tests.peer.p2p.simnet import Citizen, Town, rests


def test_a_cheat_found_behind_a_hole_leaves_no_clock_that_spins() -> None:
    town, _alice, bob, mallory = three()
    one = forged(town, mallory, mallory, "one")
    two = forged(town, mallory, mallory, "two", first=2, prev=one.hash)
    shout(town, mallory, one, forged(town, mallory, mallory, "three", first=3, prev=b"x" * 32), to=[bob])
    bob.member.replica.fetcher.claims(
        mallory.keys.session, [Frontier(mallory.keys.session, TALK, 10, b"h" * 32)], town.now
    )
    bob.member.replica.fetcher.ask((mallory.keys.session, TALK), mallory.keys.session, 1)
    (_, pull), *_ = reversed(bob.member.replica.fetcher.pulls)
    shout(town, mallory, two, to=[bob])
    assert "cheat" in bob.warned
    late = Page(pull.r, mallory.keys.session, TALK, 1, 10, [])
    town.arrive(mallory, bob, mallory.member.keyring.to_one(bob.keys.session, late), Way.MESH)
    assert rests(bob, town.now + 100)


def test_what_somebody_has_who_is_just_waking_up_is_not_given_up() -> None:
    town = Town()
    alice, bob, carol, dave = town.found("alice"), town.join("bob"), town.join("carol"), town.join("dave")
    town.settle(3)
    town.cut |= {frozenset((name, "carol")) for name in ("alice", "bob", "dave")}
    for number in range(10):
        town.post(alice, str(number))
    town.settle(1)
    alice.dead = True
    dave.member.replica.log(alice.keys.session, TALK).trim(3, 1 << 30)
    town.settle(20)
    bob.asleep = True
    town.cut.clear()
    town.settle(3)
    bob.asleep = False
    town.settle(10)
    assert carol.texts == [str(number) for number in range(10)]
    assert not [event for event in carol.events if isinstance(event, Lost)]


def test_what_nobody_has_is_said_to_be_lost() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    town.cut |= {frozenset(("alice", "carol")), frozenset(("bob", "carol"))}
    for number in range(10):
        town.post(alice, str(number))
    town.settle(1)
    alice.dead = True
    log = bob.member.replica.log(alice.keys.session, 0)
    log.trim(3, 1 << 30)
    town.cut.clear()
    town.settle(30)
    assert [event.count for event in carol.events if isinstance(event, Lost)] == [7]
    assert carol.texts == ["7", "8", "9"]


def test_history_that_was_asked_for_before_anybody_could_hear_is_asked_for_again_at_once() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "before")
    town.cut.add(frozenset(("alice", "bob")))  # the lines are not up yet: what is asked now is lost
    bob = town.join("bob")
    town.settle(0.1)
    town.cut.clear()
    bob.member.replica.fetcher.ask_again(alice.keys.session, town.now)
    bob.member.settle(town.now)
    town.collect(bob)
    town.settle(0.1)
    assert bob.texts == ["before"]


def test_an_answer_that_came_before_the_line_to_its_giver_stood_is_asked_for_again_at_once() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "before")
    arrive = town.arrive

    def from_bob_only(sender: Citizen, other: Citizen, packet: bytes, way: Way) -> None:
        if sender is not alice:
            arrive(sender, other, packet, way)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(town, "arrive", from_bob_only)
        bob = town.join("bob")
        town.settle(0.1)
    alice.member.gossip.greet(alice.member.peers[bob.keys.session], town.now)  # as whoever begins to hear us is
    town.collect(alice)
    town.settle(0.1)
    assert bob.texts == ["before"]


def test_the_only_one_who_could_answer_is_asked_again_after_one_timeout() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "before")
    town.cut.add(frozenset(("alice", "bob")))
    bob = town.join("bob")
    town.settle(0.1)
    town.cut.clear()
    town.settle(FETCH_TIMEOUT_S + 0.1)
    assert bob.texts == ["before"]


def test_a_claim_of_what_does_not_exist_costs_its_maker_only() -> None:
    town, alice, bob, mallory = three()
    stands = [
        Frontier(mallory.keys.session, TALK, 1 << 60, b"h" * 32),
        Frontier(alice.keys.session, TALK, 1 << 60, b"h" * 32),
    ]
    body = packets.Beacon(1 << 30, town.now, b"", b"", 1, b"", stands, [], 0)
    town.arrive(mallory, bob, mallory.member.keyring.to_room(mallory.member.keyring.signed(body)), Way.MESH)
    town.settle(30)
    still_works(town, alice, bob)
