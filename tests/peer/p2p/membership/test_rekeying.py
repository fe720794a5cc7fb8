"""A new key reaches every member that is to have it, whatever it missed, and nobody else."""

from __future__ import annotations

import pytest

from sandpiper.common.errors import Refusal
from sandpiper.common.p2p.sealing import Epoch, seal, short
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import Town


@pytest.mark.parametrize("key", [b"", b"k" * 31, b"k" * 100])
def test_a_copy_that_is_no_key_is_refused(key: bytes) -> None:
    town, alice, bob, _ = three()
    name = Epoch(b"k" * 32).id
    ring = alice.member.keyring
    _, shared = ring._pairs[short(bob.keys.session)]
    copy = seal(shared, town.random.randbytes(24), key, b"epoch" + name + bob.keys.session)
    with pytest.raises(Refusal):
        bob.member.keyring.unseal_epoch(bob.member.ledger.known[alice.keys.session], copy, name)


def test_who_came_in_while_a_key_was_made_is_given_it() -> None:
    town = Town()
    alice, bob, mallory = town.found("alice"), town.join("bob"), town.join("mallory")
    town.settle(3)
    town.cut.add(frozenset(("alice", "bob")))
    town.settle(1)
    carol = town.join("carol", at=[bob])
    town.cut.add(frozenset(("alice", "carol")))
    assert carol.keys.session not in alice.member.ledger.state.members
    alice.member.governance.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town.cut.clear()
    town.settle(8)
    assert carol.member.broken is None
    assert carol.member.keyring.epoch.id == alice.member.keyring.epoch.id
    assert str(carol.member.context.code) == str(alice.member.context.code)
    still_works(town, alice, bob, carol)


def test_a_removal_that_lost_is_made_again_though_its_maker_is_gone() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    dave, erin = town.join("dave"), town.join("erin")
    town.settle(3)
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    bob.member.governance.kick("erin")
    alice.member.governance.kick("dave")
    town.collect(bob)
    bob.dead = True
    town.collect(alice)
    town.settle(10)
    assert erin.member.broken is not None
    assert dave.member.broken is not None
    dave.dead = erin.dead = True
    still_works(town, alice, carol)


def test_who_slept_through_a_new_key_and_has_only_a_relay_finds_it() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.cut |= {frozenset(("alice", "carol")), frozenset(("bob", "carol")), frozenset(("mallory", "carol"))}
    alice.relay = bob.relay = True
    carol = town.join("carol")
    carol.relay = True
    mallory = town.join("mallory", at=[alice])
    town.settle(5)
    carol.asleep = True
    alice.member.governance.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town._due.clear()
    town.settle(20)
    carol.asleep = False
    town.settle(10)
    assert carol.member.keyring.epoch.id == alice.member.keyring.epoch.id
    still_works(town, alice, bob, carol)


def test_who_slept_through_a_new_key_finds_its_copy() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    mallory = town.join("mallory")
    town.settle(3)
    carol.asleep = True
    alice.member.governance.kick("mallory")
    town.collect(alice)
    mallory.dead = True
    town._due.clear()
    town.settle(20)
    carol.asleep = False
    town.settle(10)
    town.post(bob, "welcome back")
    town.settle(5)
    assert carol.texts == ["welcome back"]


def test_two_owners_remove_at_once_and_both_removals_hold() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    dave, erin = town.join("dave"), town.join("erin")
    town.settle(3)
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    alice.member.governance.kick("dave")
    bob.member.governance.kick("erin")
    town.collect(alice)
    town.collect(bob)
    town.settle(10)
    assert dave.member.broken is not None
    assert erin.member.broken is not None
    epochs = {each.member.keyring.epoch.id for each in (alice, bob, carol)}
    assert len(epochs) == 1
    town.post(carol, "three of us")
    town.settle(3)
    assert alice.texts[-1] == bob.texts[-1] == "three of us"
