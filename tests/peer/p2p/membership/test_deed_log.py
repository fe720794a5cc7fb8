"""Members that sign two histories are found out, for everybody alike; and deeds stay bounded."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from sandpiper.common import batch
from sandpiper.common.messages import MsgDraft
from sandpiper.common.p2p import envelope, membership
from sandpiper.common.p2p.envelope import DEEDS, TALK, sign
from sandpiper.common.p2p.membership import Admit, Rotate
from sandpiper.common.p2p.packets import Shout
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.hostile import forged, shout, still_works, three


def test_two_large_histories_prove_a_cheat_too_and_silence_no_witness() -> None:
    town, alice, bob, mallory = three()
    one, other = (forged(town, mallory, mallory, letter * 50_000) for letter in "xy")
    large = [one, other]
    for at, letter in enumerate("xy"):
        body = batch.pack([entries.encode(MsgDraft(text=letter * 50_000), "m", 0)] * 3)
        large[at] = sign(
            mallory.keys.signing, mallory.keys.session, mallory.member.keyring.room, mallory.member.context.run, TALK,
            1, 3, 1, bytes(32), body,
        )  # fmt: skip
    shout(town, mallory, large[0], to=[alice])
    shout(town, mallory, large[1], to=[alice])
    town.settle(2)
    assert "cheat" in alice.warned
    assert "cheat" in bob.warned
    alice.member.governance.kick("mallory")
    town.collect(alice)
    town.settle(3)
    mallory.dead = True
    assert bob.member.keyring.epoch.id == alice.member.keyring.epoch.id != alice.member.ledger.founding.epoch
    still_works(town, alice, bob)


def test_two_histories_of_deeds_count_for_nobody() -> None:
    """Whom a cheat has let in, as it told some, is not in for anybody."""
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    guests = [SessionKeys.make(SigningKey(town.random.randbytes(32)), bytes(32), town.random.randbytes) for _ in "ab"]
    made = [
        sign(
            mallory.keys.signing, mallory.keys.session, room, mallory.member.context.run, DEEDS, 1, 1, 1, bytes(32),
            membership.encode_all([Admit(guest.vouched(room))]),
        )
        for guest in guests
    ]  # fmt: skip
    shout(town, mallory, made[0], to=[alice])
    shout(town, mallory, made[1], to=[bob])
    town.settle(5)
    assert alice.member.ledger.roster() == bob.member.ledger.roster()
    assert not {guest.session for guest in guests} & set(alice.member.ledger.state.members)
    assert "cheat" in alice.warned
    carol = town.join("carol", at=[bob])
    town.settle(3)
    assert carol.member.ledger.roster() == alice.member.ledger.roster()


def test_whom_a_cheat_had_let_in_is_in_for_everybody() -> None:
    """Two histories of its talk say nothing against its deeds."""
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    guest = SessionKeys.make(SigningKey(town.random.randbytes(32)), bytes(32), town.random.randbytes)
    one, other = forged(town, mallory, mallory, "one"), forged(town, mallory, mallory, "other")
    admit = sign(
        mallory.keys.signing, mallory.keys.session, room, mallory.member.context.run, DEEDS, 1, 1, 1, bytes(32),
        membership.encode_all([Admit(guest.vouched(room))]),
    )  # fmt: skip
    shout(town, mallory, admit, to=[alice])
    shout(town, mallory, one, to=[bob])
    shout(town, mallory, other, to=[bob])
    mallory.dead = True
    town.settle(10)
    assert bob.member.ledger.roster() == alice.member.ledger.roster()
    assert guest.session in bob.member.ledger.state.members


@pytest.mark.parametrize("by_pull", [False, True])
def test_two_histories_prove_a_cheat_and_stop_it(by_pull: bool) -> None:
    town, alice, bob, mallory = three()
    one = forged(town, mallory, mallory, "to alice")
    other = forged(town, mallory, mallory, "to bob")
    shout(town, mallory, one, to=[alice])
    shout(town, mallory, other, to=[bob])
    if not by_pull:
        shout(town, mallory, one, to=[bob])
    mallory.dead = True
    town.settle(5)
    assert "cheat" in alice.warned
    assert "cheat" in bob.warned
    after = forged(town, mallory, mallory, "and now", first=2, prev=one.hash)
    shout(town, mallory, after)
    town.settle(2)
    assert "and now" not in alice.texts + bob.texts
    still_works(town, alice, bob)
    carol = town.join("carol", at=[bob])
    town.settle(3)
    assert "cheat" in carol.warned


def test_a_reused_number_and_a_second_run_are_cheats_too() -> None:
    town, alice, bob, mallory = three()
    one = forged(town, mallory, mallory, "one")
    shout(town, mallory, one)
    shout(town, mallory, forged(town, mallory, mallory, "one again", run=b"r" * 16))
    town.settle(2)
    assert alice.warned == bob.warned == ["cheat"]


def test_nobody_is_framed_by_a_proof_that_is_none() -> None:
    town, alice, bob, mallory = three()
    town.post(alice, "one")
    town.settle(1)
    true = alice.member.replica.log(alice.keys.session, TALK).holding(1)
    assert true is not None
    false = forged(town, mallory, alice, "two")
    for pair in ((true.raw, false.raw), (true.raw, true.raw), (b"", b"rubbish")):
        mallory.member.deed_log.write(membership.Cheat(*pair))
        town.collect(mallory)
    town.settle(3)
    assert "cheat" not in bob.warned
    still_works(town, alice, bob)


def test_deeds_log_of_a_member_stays_bounded() -> None:
    town, _alice, bob, mallory = three()
    log = bob.member.replica.log(mallory.keys.session, DEEDS)
    room = mallory.member.keyring.room
    body = membership.encode_all([Rotate(1)] * 500)
    first, prev = log.head + 1, log.hash
    for _ in range(60):
        made = envelope.sign(
            mallory.keys.signing,
            mallory.keys.session,
            room,
            mallory.member.context.run,
            DEEDS,
            first,
            500,
            1,
            prev,
            body,
        )
        bob.member.receive(mallory.member.keyring.to_room(Shout([made.raw])), Way.MESH, town.now)
        first, prev = first + 500, made.hash
    assert log.head <= 20_000
