"""A new key reaches every member that is to have it, whatever it missed, and nobody else."""

from __future__ import annotations

import time

import pytest

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import BEACON_S, KEY_WAIT_S, SUPERSEDED_S, WANTS_AT_ONCE
from sandpiper.common.p2p.deeds import Admit, Readmit, Rekey, commitment
from sandpiper.common.p2p.sealing import short
from sandpiper.peer.events import Warned
from tests.peer.p2p.hostile import forged_deed, still_works, stranger, tell, three
from tests.peer.p2p.simnet import Citizen, Town


@pytest.mark.parametrize("secret", [b"", b"k" * 31, b"k" * 100, b"k" * 32])
def test_a_copy_that_is_not_the_secret_is_refused(secret: bytes) -> None:
    _, alice, bob, _ = three()
    box, copies = alice.member.keyring.seal_copies([bob.keys.vouched(bytes(32))], secret, commitment(b"s" * 32))
    with pytest.raises(Refusal):
        bob.member.keyring.open_copy(box, copies[short(bob.keys.session)], commitment(b"s" * 32))


def split() -> tuple[Town, Citizen, Citizen, Citizen, Citizen]:
    """Alice removes mallory while carol, of whom she has not heard, is let in by bob."""
    town = Town()
    alice, bob, mallory = town.found("alice"), town.join("bob"), town.join("mallory")
    dave = town.join("dave")
    town.settle(3)
    town.cut |= {frozenset((one, other)) for one in ("alice", "dave") for other in ("bob", "carol", "mallory")}
    town.settle(1)
    carol = town.join("carol", at=[bob])
    assert carol.keys.session not in alice.member.roster.members
    alice.member.removals.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town.cut.clear()
    town.settle(20)
    return town, alice, bob, carol, dave


def test_who_came_in_by_somebody_who_had_not_heard_of_the_new_key_waits_until_let_in_again() -> None:
    town, alice, bob, carol, dave = split()
    assert carol.member.rekeying.waits
    assert "waiting" in carol.warned
    assert "waiting" in dave.warned
    town.post(carol, "can you hear me?")
    town.post(bob, "not for carol")
    town.settle(3)
    assert "can you hear me?" not in alice.texts + bob.texts + dave.texts
    assert "not for carol" not in carol.texts
    with pytest.raises(Refusal, match="you wait yourself"):
        carol.member.removals.readmit(["carol"])
    assert dave.member.removals.readmit(["carol"]) == ["carol"]  # any member may for whom the key is
    town.collect(dave)
    town.settle(10)
    assert not carol.member.rekeying.waits
    assert carol.member.keyring.epoch.id == alice.member.keyring.epoch.id
    assert str(carol.member.context.code) == str(alice.member.context.code)
    still_works(town, alice, bob, carol, dave)
    assert "can you hear me?" in alice.texts


def test_who_waits_comes_in_by_the_code_as_well() -> None:
    town, alice, bob, carol, dave = split()
    carol.dead = True
    again = town.join("carol", alice.member.context.code, identity=carol.keys.identity, at=[dave])
    town.settle(3)
    assert not again.member.rekeying.waits
    still_works(town, alice, bob, dave, again)


def test_who_is_here_has_a_new_key_however_many_people_were_invented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.membership.rekeying.REKEY_NAMES", 4)
    town, alice, bob, mallory = three()
    carol, dave = town.join("carol"), town.join("dave")
    town.settle(3)
    dave.dead = True
    for _ in range(20):
        alice.member.deeds.write(Admit(stranger(town).vouched(alice.member.keyring.room), "code"))
    alice.member.deeds.write(Readmit(sorted(town.random.randbytes(32) for _ in range(20))))
    town.collect(alice)
    town.settle(60)
    alice.member.removals.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town.settle(3)
    still_works(town, alice, bob, carol)
    rekey = alice.member.roster.graph.nodes()[-1].deed.said
    assert isinstance(rekey, Rekey)
    assert rekey.names == sorted(each.member.keyring.person for each in (alice, bob, carol, dave))


def test_who_is_of_those_a_key_is_for_and_lacks_it_is_given_it_by_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many are here that not all copies fit; their names do."""
    monkeypatch.setattr("sandpiper.peer.p2p.membership.rekeying.REKEY_COPIES", 1)
    town, alice, bob, mallory = three()
    carol = town.join("carol")
    town.settle(3)
    alice.member.removals.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town.settle(5)
    still_works(town, alice, bob, carol)


def test_a_secret_that_nobody_gives_is_followed_by_a_new_key_of_the_most_senior_owner_here() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    mallory = town.join("mallory")
    town.settle(3)
    for nick in ("bob", "carol"):
        alice.member.removals.name_owner(nick)
        town.collect(alice)
        town.settle(2)
    carol.member.keyring.seal_copies = lambda *_: (bytes(32), {})  # type: ignore[method-assign]
    carol.member.removals.kick("mallory")
    carol.dead = mallory.dead = True
    town.collect(carol)
    town.settle(KEY_WAIT_S + 10)
    assert len(alice.member.roster.heads()) == 1
    made = alice.member.roster.graph.node(alice.member.roster.heads()[0])
    assert made is not None
    assert made.deed.writer == alice.member.keyring.person
    still_works(town, alice, bob)


def test_of_two_removals_at_once_both_hold_though_one_of_their_makers_is_gone() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    dave, erin = town.join("dave"), town.join("erin")
    town.settle(3)
    alice.member.removals.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    bob.member.removals.kick("erin")
    alice.member.removals.kick("dave")
    town.collect(bob)
    bob.dead = True
    town.collect(alice)
    town.settle(10)
    assert erin.member.broken is not None
    assert dave.member.broken is not None
    dave.dead = erin.dead = True
    still_works(town, alice, carol)
    secrets = alice.member.roster.key
    assert not secrets.is_due(), "each of the removed had the other's new secret: so there is another key"


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
    alice.member.removals.kick("mallory")
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
    alice.member.removals.kick("mallory")
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
    alice.member.removals.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    alice.member.removals.kick("dave")
    bob.member.removals.kick("erin")
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


def test_superseded_keys_are_kept_for_a_while_and_then_forgotten() -> None:
    town, alice, bob, mallory = three()
    first = alice.member.keyring.epoch.id
    alice.member.removals.kick("mallory")
    mallory.dead = True
    town.collect(alice)
    town.settle(5)
    room = alice.member.keyring.room
    for each in (alice, bob):
        assert first in each.member.keyring.epochs
        assert each.member.keyring.secrets.get(room) is not None
        each.member.handle_timer(town.now + SUPERSEDED_S + 10)
        assert list(each.member.keyring.epochs) == [each.member.keyring.epoch.id]
        assert each.member.keyring.secrets.get(room) is None


def test_who_waits_or_lacks_a_secret_lets_nobody_in() -> None:
    _, alice, _, carol, _ = split()
    assert carol.member.code.state().spent
    assert not alice.member.code.state().spent


def test_who_is_here_has_a_new_key_of_sixty_four_members_at_once() -> None:
    """And it is made in less than a second: a copy takes a fraction of a millisecond."""
    town, alice, _, mallory = three()
    room = alice.member.keyring.room
    for _ in range(61):
        alice.member.deeds.write(Admit(stranger(town).vouched(room), "code"))
    town.collect(alice)
    town.settle(5)
    begun = time.process_time()
    alice.member.removals.kick("mallory")
    assert time.process_time() - begun < 1.0
    rekey = alice.member.roster.graph.nodes()[-1].deed.said
    assert isinstance(rekey, Rekey)
    assert len(rekey.copies) == 62
    assert mallory.keys.session not in alice.member.roster.members


def test_keys_for_nobody_make_no_storm_of_questions() -> None:
    town, alice, bob, mallory = three()
    alice.member.removals.name_owner("mallory")
    town.collect(alice)
    town.settle(3)
    names = sorted(alice.member.roster.graph.members)
    for number in range(60):
        said = Rekey([], names, {}, bytes(32), commitment(bytes([number]) * 32), [])
        tell(town, mallory, forged_deed(mallory, said))
    mallory.dead = True
    bob.member.take()
    assert len(bob.member.roster.heads()) > 30
    for _ in range(3):
        bob.member.context.now += BEACON_S
        bob.member.rekeying.handle_timer(bob.member.context.now)
        assert len(bob.member.take().packets) <= WANTS_AT_ONCE
    town.settle(4 * KEY_WAIT_S)
    assert len(alice.member.roster.heads()) == 1  # the founder has made another
    still_works(town, alice, bob)


def test_an_owner_whom_a_junior_keeps_from_the_key_makes_another_at_once() -> None:
    town, alice, bob, mallory = three()
    alice.member.removals.name_owner("mallory")
    town.collect(alice)
    town.settle(3)
    secret = b"s" * 32
    keys = [each for each in mallory.member.roster.members.values() if each.identity != alice.member.keyring.person]
    box, copies = mallory.member.keyring.seal_copies(keys, secret, commitment(secret))
    said = Rekey([], sorted(each.identity for each in keys), copies, box, commitment(secret), [])
    mallory.member.deeds.write(said)
    town.collect(mallory)
    town.settle(5)
    told = [each.text for each in alice.events if isinstance(each, Warned) and each.kind == "waiting"]
    assert any("mallory" in text for text in told)
    assert not alice.member.rekeying.waits
    still_works(town, alice, bob)


def test_a_new_key_never_exceeds_the_size_of_a_deed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.peer.p2p.membership.rekeying.DEED_BYTES", 3100)
    town = Town()
    alice = town.found("alice")
    others = [town.join(f"guest{number}", at=[alice]) for number in range(8)]
    town.settle(3)
    alice.member.rekeying.make(set())
    said = alice.member.roster.graph.nodes()[-1].deed.said
    assert isinstance(said, Rekey)
    assert 0 <= len(said.copies) < 8
    town.collect(alice)
    town.settle(5)
    still_works(town, alice, *others)
