"""The ledger: the same deeds mean the same to everyone, and what nobody may do has no effect."""

from __future__ import annotations

import random
import time

import pytest
from nacl.signing import SigningKey

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import GENERATIONS
from sandpiper.common.p2p import membership
from sandpiper.common.p2p.membership import Admit, AnyDeed, Gone, Miss, Own, Rekey, Rotate
from sandpiper.peer.p2p.replication.ledger import Ledger
from sandpiper.peer.p2p.state.keyring import SessionKeys
from tests.peer.p2p.hostile import still_works, three


def persons(count: int, dice: random.Random) -> list[SessionKeys]:
    return [SessionKeys.make(SigningKey(dice.randbytes(32)), dice.randbytes(32), dice.randbytes) for _ in range(count)]


def what_follows(ledger: Ledger) -> tuple[object, ...]:
    state = ledger.state
    owners = {session for session in state.members if ledger.is_owner(session)}
    return (
        state.epoch, state.members, state.gone, state.banned, owners, state.generation, state.missed, state.rotations
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(150))
def test_the_same_deeds_mean_the_same_in_any_order(seed: int) -> None:
    """Each log in its order, but no log before another: as packets come, and as they do not."""
    dice = random.Random(seed)
    people = persons(5, dice)
    people.append(
        SessionKeys(people[1].identity, people[2].signing, people[2].box_public, b"", dice.randbytes(32))
    )  # one session with two sets of keys
    keys = [each.vouched(bytes(16)) for each in people]
    found = membership.Found(keys[0], b"epoch..0", 64, 2, False, "all")
    epochs = [b"epoch..0", *(b"epoch%03d" % number for number in range(6))]
    logs: dict[bytes, list[AnyDeed]] = {each.session: [] for each in keys}
    logs[keys[0].session].append(found)
    for _ in range(dice.randint(5, 40)):
        writer, other = dice.choice(keys), dice.choice(keys)
        gone = [Gone(other.session, 0, dice.randint(0, 5))] * dice.randint(0, 1)
        deeds_of_all: list[AnyDeed] = [
            Admit(other),
            Admit(other),
            Own(other.identity),
            Miss(dice.randint(1, 2)),
            Rotate(dice.randint(1, 4)),
            Rekey(dice.choice(epochs), dice.choice(epochs), [other.identity], gone, b"", {}, dice.randint(1, 3)),
        ]
        logs[writer.session].append(dice.choice(deeds_of_all))
    results = []
    for _ in range(4):
        ledger = Ledger(keys[0].session, found)
        at = dict.fromkeys(logs, 0)
        at[keys[0].session] = 1
        while left := [session for session in logs if at[session] < len(logs[session])]:
            session = dice.choice(left)
            ledger.add(session, at[session] + 1, logs[session][at[session]])
            at[session] += 1
        results.append(what_follows(ledger))
    assert all(result == results[0] for result in results)


def test_keys_that_go_in_a_circle_stop_nobody() -> None:
    town, alice, bob, mallory = three()
    alice.member.governance.name_owner("mallory")
    town.collect(alice)
    town.settle(2)
    epoch = alice.member.ledger.state.epoch
    ledger = bob.member.ledger
    ledger.add(mallory.keys.session, 1, Rekey(b"one.....", epoch, [], [], b"", {}, 1))
    ledger.add(mallory.keys.session, 2, Rekey(epoch, b"one.....", [], [], b"", {}, 1))
    assert ledger.state.epoch == b"one....."


def test_the_founders_other_sessions_cannot_be_removed_either() -> None:
    town, alice, bob, _ = three()
    second = town.join("alice2", identity=alice.keys.identity)
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    epoch = bob.member.ledger.state.epoch
    gone = [Gone(second.keys.session, 0, 0), Gone(alice.keys.session, 0, 0)]
    bob.member.ledger.add(bob.keys.session, 1, Rekey(epoch, b"another.", [b"p" * 32], gone, b"", {}, 1))
    assert bob.member.ledger.state.epoch == b"another."
    assert {second.keys.session, alice.keys.session} <= set(bob.member.ledger.state.members)


def test_counting_the_codes_forms_takes_no_time() -> None:
    _, alice, _, mallory = three()
    begun = time.process_time()
    for number in range(1, 20_000):
        alice.member.ledger.add(mallory.keys.session, number, Rotate(number + 1))
    assert alice.member.ledger.state.generation == 20_000
    assert time.process_time() - begun < 2


def test_a_leap_of_the_codes_form_takes_no_time_either() -> None:
    _, alice, _, _ = three()
    ledger = alice.member.ledger
    begun = time.process_time()
    for number in range(1, 200):
        rekey = Rekey(ledger.state.epoch, number.to_bytes(8, "big"), [], [], b"", {}, 1 << 62)
        ledger.add(alice.keys.session, number, rekey)
    assert ledger.state.generation == GENERATIONS
    assert time.process_time() - begun < 2


def test_deeds_that_one_may_not_do_have_no_effect() -> None:
    town, alice, bob, mallory = three()
    ledger = bob.member.ledger
    before, epoch = ledger.state.generation, ledger.state.epoch
    mallory.member.deed_log.write(
        membership.Own(mallory.member.keyring.keys.vouched(alice.member.keyring.room).identity)
    )
    mallory.member.deed_log.write(
        Rekey(epoch, b"00000000", [alice.member.ledger.founding.keys.identity], [], b"", {}, 1 << 60)
    )
    mallory.member.deed_log.write(Rotate(1 << 60))
    town.collect(mallory)
    town.settle(3)
    assert (ledger.state.generation, ledger.state.epoch) == (before, epoch)
    assert not ledger.is_owner(mallory.keys.session)
    still_works(town, alice, bob)


def test_an_admission_without_the_identitys_word_has_no_effect() -> None:
    town, alice, bob, mallory = three()
    stranger = SessionKeys.make(alice.keys.identity, b"c" * 32, town.random.randbytes)
    keys = stranger.vouched(b"another room....")
    mallory.member.deed_log.write(Admit(keys))
    town.collect(mallory)
    town.settle(2)
    assert keys.session not in bob.member.ledger.state.members
    still_works(town, alice, bob)


def test_the_founder_cannot_be_removed_by_another_owner() -> None:
    town, alice, bob, _ = three()
    alice.member.governance.name_owner("bob")
    town.collect(alice)
    town.settle(2)
    with pytest.raises(Refusal, match="cannot be removed"):
        bob.member.governance.kick("alice")
    bob.member.rekeying.remove({alice.member.ledger.founding.keys.identity})
    town.collect(bob)
    town.settle(5)
    assert alice.member.broken is None
    still_works(town, alice, bob)
