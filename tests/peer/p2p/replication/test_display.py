"""What the reader is shown: the history first, in the order of its making, and no more than it takes."""

from __future__ import annotations

from sandpiper.peer.events import Received
from tests.peer.p2p.simnet import Town, rests


def test_a_paused_reader_of_a_newcomer_leaves_no_clock_that_spins() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "one")
    bob = town.join("bob")
    bob.member.pause(True)
    assert rests(bob, town.now + 100)


def test_a_late_joiner_gets_the_history_in_the_order_of_its_making() -> None:
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    town.settle(2)
    for number in range(20):
        town.post((alice, bob)[number % 2], str(number))
        town.settle(0.1)
    carol = town.join("carol", at=[bob])
    town.settle(5)
    assert carol.texts == [str(number) for number in range(20)]
    dave = town.join("dave", backlog=0)
    town.post(alice, "now")
    town.settle(5)
    assert dave.texts == ["now"]


def test_what_a_joiner_says_before_the_history_has_come_is_shown_at_once() -> None:
    for seed in range(4):
        town = Town(seed)
        alice = town.found("alice")
        town.post(alice, "before")
        bob = town.join("bob")
        assert not bob.texts
        town.post(bob, "after")
        assert bob.texts == ["after"]
        town.post(bob, "and more")
        town.settle(5)
        received = [event for event in bob.events if isinstance(event, Received)]
        assert bob.texts == ["after", "and more", "before"]
        assert [(event.own, event.backlog) for event in received] == [(True, False), (True, False), (False, True)]
        assert [message.text for message in alice.heard if hasattr(message, "text")] == ["before", "after", "and more"]
