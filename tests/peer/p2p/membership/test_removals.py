"""Owners remove persons, name owners and let in again; nobody else does, and what it costs is said."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from sandpiper.common.errors import Refusal, Rejected
from sandpiper.common.limits import BRANCH_DEEDS, DEED_BYTES, KEY_WAIT_S, REMOVAL_WAIT_S
from sandpiper.common.p2p.deeds import Admit, Note, Rekey
from sandpiper.common.p2p.envelope import TALK
from sandpiper.peer.events import CodeChanged, Warned
from sandpiper.peer.p2p.state.keyring import SessionKeys
from tests.peer.p2p.hostile import alike, forged_deed, still_works, stranger, tell, three
from tests.peer.p2p.simnet import CODE, Citizen, Town


def broken_keys(town: Town, citizen: Citizen) -> SessionKeys:
    """A session that nobody can share a secret with."""
    signing = SigningKey(town.random.randbytes(32))
    return SessionKeys(citizen.keys.identity, signing, bytes(32), bytes(32), town.random.randbytes(32))


def told(citizen: Citizen, kind: str) -> list[str]:
    return [event.text for event in citizen.events if isinstance(event, Warned) and event.kind == kind]


def kick(town: Town, owner: Citizen, nick: str, **options: bool) -> list[str]:
    names = owner.member.removals.kick(nick, **options)
    town.collect(owner)
    return names


def name_owner(town: Town, owner: Citizen, nick: str) -> None:
    owner.member.removals.name_owner(nick)
    town.collect(owner)
    town.settle(2)


def test_a_member_that_nobody_can_talk_to_keeps_nobody_from_being_removed() -> None:
    town, alice, bob, mallory = three()
    mallory.member.deeds.write(Admit(broken_keys(town, mallory).vouched(alice.member.keyring.room), "code"))
    town.collect(mallory)
    town.settle(1)
    kick(town, alice, "mallory")
    town.settle(3)
    assert mallory.member.broken is not None
    mallory.dead = True
    still_works(town, alice, bob)


def test_who_invents_a_crowd_can_still_be_removed() -> None:
    """Some hundred sessions of mallory's, and some hundred persons whom she has let in."""
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    for number in range(500):
        identity = mallory.keys.identity if number % 2 else SigningKey(town.random.randbytes(32))
        keys = SessionKeys.make(identity, number.to_bytes(32, "big"), town.random.randbytes)
        alice.member.deeds.write(Admit(keys.vouched(room), "code"))
    town.collect(alice)
    town.settle(30)
    kick(town, alice, mallory.member.keyring.fingerprint)
    rekey = alice.member.roster.graph.nodes()[-1].deed
    assert isinstance(rekey.said, Rekey)
    assert len(rekey.raw) < DEED_BYTES
    town.settle(5)
    assert bob.member.keyring.epoch.id == alice.member.keyring.epoch.id


def test_what_was_said_before_one_came_stays_closed_after_a_new_key() -> None:
    town = Town()
    alice = town.found("alice", history="none")
    mallory = town.join("mallory")
    town.settle(2)
    town.post(alice, "not for bob")
    bob = town.join("bob")
    town.settle(2)
    kick(town, alice, "mallory")
    mallory.dead = True
    town.settle(3)
    assert alice.member.governance.floor(bob.keys.session, alice.keys.session, TALK) == 1


def test_a_removed_person_is_out_and_the_room_has_another_key_and_code() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    identity = SigningKey(b"m" * 32)
    mallory = town.join("mallory", identity=identity)
    town.settle(3)
    old = alice.member.keyring.epoch.id
    kick(town, alice, "mallory")
    town.settle(2)
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


def test_who_is_let_in_again_comes_with_the_code_as_before() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    identity = SigningKey(b"m" * 32)
    mallory = town.join("mallory", identity=identity)
    town.settle(3)
    kick(town, alice, "mallory")
    town.settle(2)
    mallory.dead = True
    with pytest.raises(Refusal, match="owners"):
        bob.member.removals.readmit(["mallory"])
    with pytest.raises(Refusal, match="nobody called dave"):
        alice.member.removals.readmit(["dave"])
    assert alice.member.removals.readmit(["mallory"]) == ["mallory"]
    town.collect(alice)
    town.settle(2)
    again = town.join("mallory", alice.member.context.code, identity=identity, at=[bob])
    town.settle(3)
    still_works(town, alice, bob, again)
    assert alike(alice, bob, again)


def test_only_owners_remove() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    with pytest.raises(Refusal, match="owners"):
        kick(town, bob, "carol", dry_run=True)
    with pytest.raises(Refusal, match="owners"):
        bob.member.removals.change_code()
    with pytest.raises(Refusal, match="owners"):
        bob.member.removals.name_owner("carol")
    with pytest.raises(Refusal, match="nobody else here"):
        kick(town, alice, "dave", dry_run=True)
    assert kick(town, alice, "carol", dry_run=True) == ["carol"]
    town.settle(2)
    assert carol.member.broken is None
    name_owner(town, alice, "bob")
    kick(town, bob, "carol")
    town.settle(3)
    assert carol.member.broken is not None
    assert alice.member.broken is None


def test_the_older_owner_cannot_be_removed_by_the_younger() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    name_owner(town, alice, "bob")
    name_owner(town, alice, "carol")
    with pytest.raises(Refusal, match="cannot be removed"):
        kick(town, bob, "alice")
    with pytest.raises(Refusal, match="owner for longer"):
        kick(town, carol, "bob")
    kick(town, bob, "carol")
    town.settle(3)
    assert carol.member.broken is not None
    assert alike(alice, bob)


def test_a_removal_by_a_junior_that_is_written_all_the_same_is_followed_by_another_key_at_once() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    name_owner(town, alice, "bob")
    bob.member.rekeying.make({alice.member.keyring.person})
    town.collect(bob)
    town.settle(5)
    assert alice.member.broken is None
    assert "waiting" in alice.warned
    assert not alice.member.rekeying.waits  # she has made another key at once
    alice.member.removals.change_code()
    town.collect(alice)
    town.settle(2)
    still_works(town, alice, bob, carol)


def test_two_owners_remove_each_other_and_the_senior_stays() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    carol, dave = town.join("carol"), town.join("dave")
    town.settle(3)
    name_owner(town, alice, "bob")
    name_owner(town, alice, "carol")
    town.cut = {frozenset((one, other)) for one in ("bob", "alice") for other in ("carol", "dave")}
    carol.member.rekeying.make({bob.member.keyring.person})
    kick(town, bob, "carol")
    town.collect(carol)
    town.settle(3)
    town.cut.clear()
    town.settle(KEY_WAIT_S + 10)
    for each in (alice, bob, dave):
        assert carol.keys.session not in each.member.roster.members
    carol.dead = True
    town.settle(2)
    still_works(town, alice, bob, dave)
    assert alike(alice, bob, dave)


def test_a_removal_by_who_is_alone_waits_until_somebody_is_heard() -> None:
    town = Town()
    alice, bob, mallory = town.found("alice"), town.join("bob"), town.join("mallory")
    town.settle(3)
    town.cut = {frozenset(("alice", "bob")), frozenset(("alice", "mallory"))}
    town.settle(30)
    kick(town, alice, "mallory")
    carol = town.join("carol", at=[mallory])
    town.settle(5)
    assert any("as soon as" in text for text in told(alice, "kick"))
    assert mallory.member.broken is None
    town.cut.clear()
    town.settle(10)
    assert mallory.member.broken is not None
    mallory.dead = True
    still_works(town, alice, bob, carol)  # whom she had let in before it was written stays in


def test_whom_one_lets_in_while_its_removal_waits_goes_with_it_if_that_is_meant() -> None:
    town, alice, bob, mallory = three()
    town.cut = {frozenset(("alice", "bob")), frozenset(("alice", "mallory"))}
    town.settle(30)
    kick(town, alice, "mallory", with_admitted=True)
    sybil = town.join("sybil", at=[mallory])
    town.settle(5)
    town.cut.clear()
    town.settle(10)
    assert mallory.member.broken is not None
    assert sybil.member.broken is not None
    mallory.dead = sybil.dead = True
    town.post(alice, "not for mallory")
    town.settle(3)
    assert bob.texts == ["not for mallory"]
    assert sybil.texts == []


def test_what_others_have_and_never_give_keeps_nobody_from_being_removed() -> None:
    """Bob has taken what Alice may take at a rate only: his deeds are others than hers, for hours."""
    town, alice, bob, mallory = three()
    for _ in range(2 * BRANCH_DEEDS):
        bob.member.roster.graph.add(forged_deed(mallory, Note(), bob.member.roster.graph.tips()))
    town.settle(10)
    assert not alike(alice, bob)
    kick(town, alice, "mallory")
    assert any("others know of people" in text for text in told(alice, "kick"))
    town.settle(REMOVAL_WAIT_S - 2)
    assert mallory.member.broken is None
    town.settle(4)
    assert mallory.member.broken is not None
    mallory.dead = True
    still_works(town, alice, bob)


def test_more_persons_than_one_deed_names_are_removed_by_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.membership.removals.READMIT_PERSONS", 2)
    town, alice, bob, mallory = three()
    sybils = [town.join(f"sybil{number}", at=[mallory]) for number in range(4)]
    town.settle(3)
    assert len(kick(town, alice, "mallory", with_admitted=True)) == 5
    town.settle(3)
    for each in (mallory, *sybils):
        assert each.member.broken is not None
        each.dead = True
    still_works(town, alice, bob)


def test_whom_the_removed_has_let_in_is_removed_with_him_only_if_that_is_meant() -> None:
    town = Town()
    alice, mallory = town.found("alice"), town.join("mallory")
    sybil = town.join("sybil", at=[mallory])
    town.settle(3)
    other = town.join("other", at=[sybil])
    bob = town.join("bob", at=[alice])
    town.settle(3)
    assert kick(town, alice, "mallory", dry_run=True) == ["mallory"]
    assert kick(town, alice, "mallory", with_admitted=True, dry_run=True) == ["mallory", "other", "sybil"]
    kick(town, alice, "mallory", with_admitted=True)
    town.settle(3)
    for each in (mallory, sybil, other):
        assert each.member.broken is not None
        each.dead = True
    still_works(town, alice, bob)


def test_whom_a_removal_costs_its_place_is_told_to_the_owner_and_let_in_by_one_command() -> None:
    """Bob admits carol while erin, who does not hear of it, removes bob."""
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    erin, dave = town.join("erin"), town.join("dave")
    town.settle(3)
    name_owner(town, alice, "erin")
    town.cut = {frozenset((one, other)) for one in ("alice", "bob", "carol") for other in ("erin", "dave")}
    identity = SigningKey(b"c" * 32)
    carol = town.join("carol", at=[bob], identity=identity)
    town.settle(3)
    kick(town, erin, "bob")
    town.settle(3)
    town.cut.clear()
    town.settle(10)
    assert bob.member.broken is not None
    assert "join again" in str(carol.member.broken)
    (text,) = [text for text in told(alice, "kick") if "/readmit" in text]
    bob.dead = carol.dead = True
    assert text.split("/readmit ")[1].split()[0] == "carol"
    assert alice.member.removals.readmit(["carol"]) == ["carol"]
    town.collect(alice)
    town.settle(1)
    carol = town.join("carol", alice.member.context.code, at=[dave], identity=identity)
    town.settle(3)
    still_works(town, alice, carol, dave, erin)


def test_who_changes_the_code_is_told_of_it_once() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(2)
    alice.member.removals.change_code()
    town.collect(alice)
    town.settle(2)
    by_alice, by_bob = (
        [type(each) for each in citizen.events if isinstance(each, (CodeChanged, Warned))] for citizen in (alice, bob)
    )
    assert by_alice == [CodeChanged]
    assert by_bob == [CodeChanged, Warned]
    assert alice.cuts == bob.cuts == 0, "nobody was removed, so no connection has to be made anew"


def test_of_one_person_so_many_sessions_are_heard_and_nobody_is_put_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.presence.presence.SESSIONS_OF_PERSON", 3)
    town, alice, bob, mallory = three()
    windows = [town.join(f"window{number}", identity=mallory.keys.identity) for number in range(4)]
    town.settle(3)
    assert all(each.member.broken is None for each in (mallory, *windows))
    for member in (alice.member, bob.member):
        here = [peer.keys.session for peer in member.presence.peers.values() if peer.here]
        assert sum(member.roster.person(each) == mallory.member.context.keyring.person for each in here) == 3
    still_works(town, alice, bob)


def test_an_admission_without_the_identitys_word_has_no_effect() -> None:
    town, alice, bob, mallory = three()
    keys = stranger(town).vouched(bytes(32))
    tell(town, mallory, forged_deed(mallory, Admit(keys, "code")))
    town.settle(2)
    assert keys.session not in bob.member.roster.members
    still_works(town, alice, bob)
