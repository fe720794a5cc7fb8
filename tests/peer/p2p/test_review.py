"""What a careful reader tried: one test for each way in which a member, a joiner or a service could have had its way."""

from __future__ import annotations

import pytest
from nacl.signing import SigningKey

from sandpiper.common import batch
from sandpiper.common.deeds import Admit
from sandpiper.common.envelope import TALK, sign
from sandpiper.common.errors import AccessDenied, Refusal
from sandpiper.common.messages import MsgDraft
from sandpiper.common.packets import Frontier, Page
from sandpiper.common.sealing import Epoch, seal, short
from sandpiper.peer.p2p import entries
from sandpiper.peer.p2p.keyring import SessionKeys
from sandpiper.peer.p2p.peers import Way
from tests.peer.p2p.test_hostile import forged, shout, still_works, three
from tests.peer.p2p.town import CODE, Citizen, Town


def rests(citizen: Citizen, now: float) -> bool:
    """Whether its clock comes to rest once what is due has been done."""
    for _ in range(10):
        if citizen.member.get_timer() > now:
            return True
        citizen.member.handle_timer(now)
    return False


def test_a_cheat_found_behind_a_hole_leaves_no_clock_that_spins() -> None:
    town, _alice, bob, mallory = three()
    one = forged(town, mallory, mallory, "one")
    two = forged(town, mallory, mallory, "two", first=2, prev=one.hash)
    shout(town, mallory, one, forged(town, mallory, mallory, "three", first=3, prev=b"x" * 32), to=[bob])
    bob.member.replica.claims(mallory.keys.session, [Frontier(mallory.keys.session, TALK, 10, b"h" * 32)], town.now)
    bob.member.replica.ask_on((mallory.keys.session, TALK), mallory.keys.session)
    (_, pull), *_ = reversed(bob.member.replica.pulls)
    shout(town, mallory, two, to=[bob])
    assert "cheat" in bob.warned
    late = Page(pull.r, mallory.keys.session, TALK, 1, 10, [])
    town.arrive(mallory, bob, mallory.member.keyring.to_one(bob.keys.session, late), Way.MESH)
    assert rests(bob, town.now + 100)


def test_a_paused_reader_of_a_newcomer_leaves_no_clock_that_spins() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "one")
    bob = town.join("bob")
    bob.member.hold(True)
    assert rests(bob, town.now + 100)


def test_nobody_can_wind_the_clock_so_far_that_others_are_refused() -> None:
    town, alice, bob, mallory = three()
    body = batch.pack([entries.encode(MsgDraft(text="x"), "m", 0)])
    made = sign(
        mallory.keys.signing, mallory.keys.session, mallory.member.keyring.room, mallory.member.run, TALK, 1, 1,
        (1 << 62) - 1, bytes(32), body,
    )  # fmt: skip
    shout(town, mallory, made)
    still_works(town, alice, bob)


def broken_keys(town: Town, citizen: Citizen) -> SessionKeys:
    """A session that nobody can share a secret with."""
    signing = SigningKey(town.random.randbytes(32))
    return SessionKeys(citizen.keys.identity, signing, bytes(32), bytes(32), town.random.randbytes(32))


def test_a_member_that_nobody_can_talk_to_keeps_nobody_from_being_removed() -> None:
    town, alice, bob, mallory = three()
    mallory.member.chronicle.write(Admit(broken_keys(town, mallory).vouched(alice.member.keyring.room)))
    town.collect(mallory)
    town.settle(1)
    alice.member.rule.kick("mallory")
    town.collect(alice)
    town.settle(3)
    assert mallory.member.broken is not None
    mallory.dead = True
    still_works(town, alice, bob)


@pytest.mark.parametrize("key", [b"", b"k" * 31, b"k" * 100])
def test_a_copy_that_is_no_key_is_refused(key: bytes) -> None:
    town, alice, bob, _ = three()
    name = Epoch(b"k" * 32).id
    ring = alice.member.keyring
    _, shared = ring._pairs[short(bob.keys.session)]
    copy = seal(shared, town.random.randbytes(24), key, b"epoch" + name + bob.keys.session)
    with pytest.raises(Refusal):
        bob.member.keyring.unseal_epoch(alice.keys.session, copy, name)


def test_a_handover_whose_key_is_none_is_refused() -> None:
    from sandpiper.peer.p2p.entry import enter_room
    from sandpiper.peer.p2p.outputs import Settings

    town = Town()
    town.found("alice")
    joiner, keys = town.joiner("bob")
    town.attempt(joiner)
    assert joiner.welcome is not None
    joiner.welcome.epoch = b"k" * 100
    with pytest.raises(AccessDenied):
        enter_room(
            keys, joiner.welcome, CODE, None, Settings("bob"), backlog=None, now=town.now, wall=town.wall,
            entropy=town.random.randbytes,
        )  # fmt: skip
