"""What the reader is shown: the history first, in the order of its making, and no more than it takes."""

from __future__ import annotations

import pytest

from sandpiper.common.limits import NICKS_SIGNED
from sandpiper.common.messages import Lost, MsgDraft
from sandpiper.peer.events import Received
from tests.peer.p2p.hostile import three
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


def test_a_reader_that_never_comes_back_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.replication.display.UNSHOWN_BYTES", 20_000)
    town, alice, bob, _ = three()
    bob.member.pause(True)
    for _ in range(10):
        town.post(alice, "x" * 5000)
        town.settle(0.1)
    bob.member.pause(False)
    town.collect(bob)
    lost = [event.count for event in bob.events if isinstance(event, Lost)]
    assert sum(lost) + len(bob.texts) == 10
    assert len(bob.texts) == 3


def test_what_is_known_of_who_speaks_has_a_bound() -> None:
    town, _, bob, mallory = three()
    for number in range(2 * NICKS_SIGNED):
        mallory.member.message_log.post(MsgDraft(text="hi"), f"m{number}", 0, town.now)
    mallory.member.flush(town.now)
    town.collect(mallory)
    town.settle(2)
    assert [message.nick for message in bob.heard] == [f"m{number}" for number in range(2 * NICKS_SIGNED)]
    assert all(len(speaker.nicks) <= NICKS_SIGNED for speaker in bob.member.display._speakers.values())


def test_who_takes_another_nick_is_called_so_in_what_it_says_next() -> None:
    town, alice, bob, mallory = three()
    for round_ in range(3):
        town.post(mallory, "before")
        town.settle(0.1)
        mallory.member.rename(f"m{round_}")
        mallory.name = f"m{round_}"
        town.collect(mallory)
        town.post(mallory, "after")
        town.settle(3)
    assert [message.nick for message in bob.heard] == ["mallory", "m0", "m0", "m1", "m1", "m2"]
    assert [message.nick for message in alice.heard] == [message.nick for message in bob.heard]
