"""What members did to each other when the past could be rewritten: each of it fails in a room of real members."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from sandpiper.common.errors import AccessDenied, Refusal
from sandpiper.common.limits import KEY_WAIT_S
from sandpiper.common.p2p import admission, deeds
from sandpiper.common.p2p.deeds import Admit, AnyDeedSaid, Own, Readmit, Rekey, commitment
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Page, Pull
from sandpiper.peer.p2p.bootstrap import enter_room
from sandpiper.peer.p2p.state.outputs import MemberSettings
from tests.peer.p2p.hostile import alike, forged_deed, still_works, stranger, tell, three
from tests.peer.p2p.simnet import CODE, Citizen, Town


def kicked() -> tuple[Town, Citizen, Citizen, Citizen, list[bytes]]:
    """Mallory was removed; and the tips that she knew when she still was in."""
    town, alice, bob, mallory = three()
    before = mallory.member.roster.graph.tips()
    alice.member.removals.kick("mallory")
    town.collect(alice)
    town.settle(2)
    assert mallory.member.broken is not None
    return town, alice, bob, mallory, before


@pytest.mark.parametrize("what", ["admit herself", "readmit herself", "admit another", "remove the founder", "own"])
@pytest.mark.parametrize("dated_back", [True, False])
def test_who_was_removed_cannot_undo_it_nor_put_anybody_out(what: str, dated_back: bool) -> None:
    town, alice, bob, mallory, before = kicked()
    room, person = alice.member.keyring.room, mallory.member.keyring.person
    sybil = stranger(town).vouched(room)
    all_said: dict[str, AnyDeedSaid] = {
        "admit herself": Admit(mallory.keys.vouched(room), "code"),
        "readmit herself": Readmit([person]),
        "admit another": Admit(sybil, "code"),
        "remove the founder": Rekey([alice.member.keyring.person], [person], {}, bytes(32), commitment(b"x" * 32), []),
        "own": Own(person, 1),
    }
    tell(town, mallory, forged_deed(mallory, all_said[what], before if dated_back else None))
    town.settle(KEY_WAIT_S)
    for each in (alice, bob):
        assert each.member.broken is None
        assert not {mallory.keys.session, sybil.session} & set(each.member.roster.members)
    assert alike(alice, bob)
    still_works(town, alice, bob)


def test_who_was_removed_is_refused_by_every_door_within_two_seconds() -> None:
    town, alice, bob, mallory, _ = kicked()
    for each in (alice, bob):
        assert not each.member.presence.admits(mallory.keys.curve)
        assert each.cuts == 1
    town.post(mallory, "still here?")
    town.settle(5)
    assert "still here?" not in alice.texts + bob.texts


def test_who_removes_nobody_has_no_connections_cut() -> None:
    town, alice, bob, mallory, _ = kicked()
    alice.member.removals.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    carol = town.join("carol", alice.member.context.code)
    town.settle(2)
    before = [each.cuts for each in (alice, bob, carol)]
    for out in (bytes(32), mallory.member.keyring.person):
        epoch = alice.member.keyring.epoch.id
        bob.member.rekeying.make({out})
        town.collect(bob)
        town.settle(5)
        assert alice.member.keyring.epoch.id == carol.member.keyring.epoch.id != epoch
    assert [each.cuts for each in (alice, bob, carol)] == before
    bob.member.removals.kick("carol")
    town.collect(bob)
    town.settle(5)
    assert [each.cuts for each in (alice, bob)] == [cuts + 1 for cuts in before[:2]]
    still_works(town, alice, bob)


def test_a_plain_member_evicts_nobody_whom_it_has_let_in() -> None:
    town, alice, bob, mallory = three()
    victim = town.join("victim", at=[mallory])
    town.settle(3)
    before = mallory.member.roster.graph.tips()
    person = victim.member.keyring.person
    out = Rekey([person], [mallory.member.keyring.person], {}, bytes(32), commitment(b"x" * 32), [])
    with pytest.raises(Refusal):
        mallory.member.removals.kick("victim")
    tell(town, mallory, forged_deed(mallory, out), forged_deed(mallory, out, before[:1]))
    # And a second history of hers, in which she has let in somebody else instead.
    tell(town, mallory, forged_deed(mallory, Admit(stranger(town).vouched(alice.member.keyring.room), "code"), before))
    town.settle(5)
    assert victim.member.broken is None
    assert alike(alice, bob, victim)
    still_works(town, alice, bob, victim)


def test_owners_who_name_and_remove_each_other_in_two_halves_are_one_room_afterwards() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    dave, erin = town.join("dave"), town.join("erin")
    town.settle(3)
    for nick in ("bob", "carol"):
        alice.member.removals.name_owner(nick)
        town.collect(alice)
        town.settle(2)
    town.cut = {frozenset((one, other)) for one in ("bob", "dave") for other in ("alice", "carol", "erin")}
    town.settle(15)
    for owner, other in ((bob, carol), (carol, bob)):
        owner.member.rekeying.make({other.member.keyring.person})
        town.collect(owner)
    carol.member.removals.name_owner("erin")
    town.collect(carol)
    town.settle(3)
    town.cut.clear()
    town.settle(KEY_WAIT_S + 20)
    assert carol.keys.session not in alice.member.roster.members, "whom the older owner has removed is out"
    carol.dead = True
    left = [each for each in (alice, bob, dave, erin) if each.keys.session in alice.member.roster.members]
    assert bob in left
    for each in left:
        if each.keys.session in alice.member.roster.waiting_sessions():
            alice.member.removals.readmit([each.member.keyring.fingerprint])
            town.collect(alice)
    town.settle(15)
    assert alike(*left)
    still_works(town, *left)


def test_a_page_that_lies_moves_nobodys_deeds() -> None:
    """A sponsor, or any member, says that a log begins near its end: deeds are none of that, and count as before."""
    town, alice, bob, mallory = three()
    answer = mallory.member.replica.answer

    def lying(pull: Pull, floor: int) -> Page:
        page = answer(pull, floor)
        return (
            Page(pull.r, pull.session, TALK, 1 << 60, (1 << 60) - 1, [])
            if pull.session != mallory.keys.session
            else page
        )

    mallory.member.replica.answer = lying  # type: ignore[method-assign]
    carol = town.join("carol", at=[mallory])
    town.settle(5)
    bob.member.deeds.write(Admit(stranger(town).vouched(bob.member.keyring.room), "code"))
    town.collect(bob)
    town.settle(5)
    assert alike(alice, bob, carol)


def test_a_founders_room_cannot_be_copied_with_another_founder() -> None:
    """The room's id is the hash of its founding: another founding is another room."""
    town, other = Town(), Town(1)
    alice, eve = town.found("alice"), other.found("eve")
    joiner, keys = town.joiner("bob")
    town.attempt(joiner)
    welcome = joiner.welcome
    assert welcome is not None
    founding = alice.member.roster.graph.nodes()[0].deed
    copied = deeds.sign(eve.keys.identity, b"", (), founding.said)
    assert copied.id != alice.member.keyring.room
    room = alice.member.keyring.room
    entered = deeds.sign(eve.keys.identity, room, [copied.id], Admit(keys.vouched(room), "code"))
    false = admission.Welcome(
        room, welcome.secrets, [copied.raw, entered.raw], [], [], [eve.keys.session], eve.keys.session, 42, 0
    )
    with pytest.raises(AccessDenied, match="cheating"):
        enter_room(
            keys, false, CODE, None, MemberSettings("bob"), backlog=None, now=town.now, wall=town.wall,
            entropy=town.random.randbytes,
        )  # fmt: skip


def test_rosters_are_alike_whoever_says_what_in_which_order() -> None:
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    tips = mallory.member.roster.graph.tips()
    made = [forged_deed(mallory, Admit(stranger(town).vouched(room), "code"), tips) for _ in range(20)]
    for number, deed in enumerate(made):
        tell(town, mallory, deed, to=[(alice, bob)[number % 2]])
    mallory.dead = True
    town.settle(15)
    assert alike(alice, bob)
    assert len(alice.member.roster.members) == 3 + len(made)


def test_who_comes_with_the_old_code_at_a_member_that_slept_neither_reads_nor_talks() -> None:
    town = Town()
    alice, bob, sleeper = town.found("alice"), town.join("bob"), town.join("sleeper")
    mallory = town.join("mallory")
    town.settle(3)
    old = alice.member.context.code
    town.cut = {frozenset((one, "sleeper")) for one in ("alice", "bob")}
    town.settle(15)
    alice.member.removals.kick("mallory")
    town.collect(alice)
    town.settle(2)
    mallory.dead = True
    with pytest.raises(Exception, match="wrong code"):
        town.join("mallory", old, at=[bob])
    sybil = town.join("harmless", old, identity=SigningKey(b"s" * 32), at=[sleeper])
    town.cut.clear()
    town.settle(KEY_WAIT_S)
    town.post(alice, "not for mallory")
    town.post(sybil, "hello, I am harmless")
    town.settle(KEY_WAIT_S)
    assert sybil.member.rekeying.waits
    assert "not for mallory" not in sybil.texts
    for each in (alice, bob, sleeper):
        assert "hello, I am harmless" not in each.texts
    assert not sleeper.member.rekeying.waits
    still_works(town, alice, bob, sleeper)
