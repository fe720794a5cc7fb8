"""Who owns a room removes persons and names owners; nobody else does, and nobody undoes it."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from sandpiper.common.errors import Refusal, Rejected
from sandpiper.common.p2p.envelope import DEEDS, TALK
from sandpiper.common.p2p.membership import Admit, Rekey
from sandpiper.peer.events import CodeChanged, Warned
from sandpiper.peer.p2p.state.keyring import SessionKeys
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import CODE, Citizen, Town


def broken_keys(town: Town, citizen: Citizen) -> SessionKeys:
    """A session that nobody can share a secret with."""
    signing = SigningKey(town.random.randbytes(32))
    return SessionKeys(citizen.keys.identity, signing, bytes(32), bytes(32), town.random.randbytes(32))


def test_a_member_that_nobody_can_talk_to_keeps_nobody_from_being_removed() -> None:
    town, alice, bob, mallory = three()
    mallory.member.deed_log.write(Admit(broken_keys(town, mallory).vouched(alice.member.keyring.room)))
    town.collect(mallory)
    town.settle(1)
    alice.member.governance.kick("mallory")
    town.collect(alice)
    town.settle(3)
    assert mallory.member.broken is not None
    mallory.dead = True
    still_works(town, alice, bob)


def test_who_invents_a_crowd_can_still_be_removed() -> None:
    town, alice, bob, mallory = three()
    for seq in range(2000):
        keys = SessionKeys.make(mallory.keys.identity, seq.to_bytes(32, "big"), town.random.randbytes)
        made = keys.vouched(alice.member.keyring.room)
        alice.member.ledger.add(mallory.keys.session, 1 + seq, Admit(made))
    for seq in range(600):
        identity = SigningKey(town.random.randbytes(32))
        keys = SessionKeys.make(identity, seq.to_bytes(32, "little"), town.random.randbytes)
        alice.member.ledger.add(bob.keys.session, 1 + seq, Admit(keys.vouched(alice.member.keyring.room)))
    alice.member.governance.sync()
    alice.member.governance.kick(mallory.member.keyring.fingerprint)
    log = alice.member.replica.log(alice.keys.session, DEEDS)
    assert log.last is not None
    assert len(log.last.raw) < 96 * 1024
    town.collect(alice)
    town.settle(1)
    assert bob.member.keyring.epoch.id == alice.member.keyring.epoch.id


def test_an_owner_that_is_removed_cannot_undo_it() -> None:
    town, alice, bob, mallory = three()
    alice.member.governance.name_owner("mallory")
    town.collect(alice)
    town.settle(2)
    alice.member.governance.kick("mallory")
    ((_, rekey),) = [(log, each) for log in [alice] for each in log.member.ledger.state.rekeys]
    mallory.member.deed_log.write(Rekey(rekey.parent, bytes(8), [], [], b"", {}, 9))  # a lower id, the same parent
    town.collect(mallory)
    town.collect(alice)
    town.settle(5)
    for citizen in (alice, bob):
        assert citizen.member.ledger.state.epoch == rekey.id
        assert mallory.keys.session not in citizen.member.ledger.state.members
    mallory.dead = True
    still_works(town, alice, bob)


def test_what_was_said_before_one_came_stays_closed_after_a_new_key() -> None:
    town = Town()
    alice = town.found("alice", history="none")
    mallory = town.join("mallory")
    town.settle(2)
    town.post(alice, "not for bob")
    bob = town.join("bob")
    town.settle(2)
    alice.member.governance.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town.settle(3)
    assert alice.member.governance.floor(bob.keys.session, alice.keys.session, TALK) == 1


def test_a_removed_person_is_out_and_the_room_has_another_key_and_code() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    identity = SigningKey(b"m" * 32)
    mallory = town.join("mallory", identity=identity)
    town.settle(3)
    old = alice.member.keyring.epoch.id
    alice.member.governance.kick("mallory")
    town.collect(alice)
    town.settle(3)
    assert mallory.member.broken is not None
    mallory.dead = True
    assert alice.member.keyring.epoch.id == bob.member.keyring.epoch.id != old
    assert bob.cuts == 1
    town.post(bob, "only us")
    town.settle(3)
    assert alice.texts == ["only us"]
    assert "only us" not in mallory.texts
    code = alice.member.context.code
    assert code == bob.member.context.code != CODE
    with pytest.raises(Rejected, match="removed"):
        town.join("mallory", code, identity=identity)
    carol = town.join("carol", code)
    town.settle(3)
    assert carol.texts == ["only us"]


def test_only_owners_remove() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    with pytest.raises(Exception, match="owners"):
        bob.member.governance.kick("carol", dry_run=True)
    with pytest.raises(Refusal, match="nobody else here"):
        alice.member.governance.kick("dave", dry_run=True)
    alice.member.governance.kick("carol", dry_run=True)
    town.collect(alice)
    town.settle(2)
    assert carol.member.broken is None
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    bob.member.governance.kick("carol")
    town.collect(bob)
    town.settle(3)
    assert carol.member.broken is not None
    assert alice.member.broken is None


def test_who_changes_the_code_is_told_of_it_once() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(2)
    alice.member.governance.rotate()
    town.collect(alice)
    town.settle(2)
    by_alice, by_bob = (
        [type(each) for each in citizen.events if isinstance(each, (CodeChanged, Warned))] for citizen in (alice, bob)
    )
    assert by_alice == [CodeChanged]
    assert by_bob == [CodeChanged, Warned]
