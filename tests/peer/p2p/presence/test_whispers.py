"""Whispers reach one person, once, and cost nobody else anything."""

from __future__ import annotations

import time

import pytest

from sandpiper.common.errors import Refusal
from sandpiper.common.messages import Whisper
from sandpiper.common.p2p.packets import Hush
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.hostile import three
from tests.peer.p2p.simnet import Town, Weather


def test_a_whisper_goes_to_one_person_alone() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    other = town.join("bob")
    town.settle(3)
    with pytest.raises(Refusal, match="several persons"):
        alice.member.whispers.send("bob", "psst", "w1", town.now)
    alice.member.whispers.send(bob.member.keyring.fingerprint[:12], "psst", "w2", town.now)
    town.collect(alice)
    town.settle(1)
    assert [event.text for event in bob.events if isinstance(event, Whisper)] == ["psst"]
    assert not [event for event in other.events if isinstance(event, Whisper)]


def test_a_whisper_that_a_relay_says_again_much_later_is_not_shown_again() -> None:
    town, alice, bob, _ = three()
    packet = alice.member.keyring.to_one(bob.keys.session, Hush("w1", "alice", "bob", "psst", 1 << 62))
    for _ in range(3):
        town.arrive(alice, bob, packet, Way.RELAY)
        town.settle(120)
    (whisper,) = [event for event in bob.events if isinstance(event, Whisper)]
    assert whisper.ts < 1 << 40


def test_a_flood_of_whispers_costs_its_maker_only() -> None:
    town, _, bob, mallory = three()
    ring = mallory.member.keyring
    bob.member.pause(True)
    begun = time.process_time()
    for number in range(20_000):
        bob.member.receive(ring.to_one(bob.keys.session, Hush(str(number), "m", "bob", "x", 0)), Way.MESH, town.now)
        bob.member.context.packets.clear()
    assert len(bob.member.context.events) <= 1000
    huge = Hush("big", "m", "bob", "x" * 150_000, 0)
    bob.member.pause(False)
    bob.member.receive(ring.to_one(bob.keys.session, huge), Way.MESH, town.now)
    assert all(len(event.text) < 100 for event in bob.member.context.events if isinstance(event, Whisper))
    assert time.process_time() - begun < 10


def test_whispers_reach_one_alone() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    alice.member.whispers.send("bob", "psst", "w1", town.now)
    town.collect(alice)
    town.settle(1)
    assert alice.answers == [("w1", None)]
    assert [event.text for event in bob.events if isinstance(event, Whisper)] == ["psst"]
    assert not [event for event in carol.events if isinstance(event, Whisper)]


def test_a_whisper_is_said_again_until_it_has_arrived_once() -> None:
    town = Town(3, Weather(drop=0.4))
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(6)
    for number in range(5):
        alice.member.whispers.send("bob", f"psst {number}", f"w{number}", town.now)
        town.collect(alice)
        town.settle(6)
    heard = [event.text for event in bob.events if isinstance(event, Whisper)]
    confirmed = [name for name, refusal in alice.answers if refusal is None]
    assert len(heard) == len(set(heard))
    assert {f"psst {name[1:]}" for name in confirmed} <= set(heard)
    assert len(confirmed) >= 3
