"""Sessions that sign two histories of their talk are found out by whoever sees both, and followed no more."""

from __future__ import annotations

import pytest

from sandpiper.common import batch
from sandpiper.common.messages import MsgDraft
from sandpiper.common.p2p.envelope import TALK, sign
from sandpiper.peer.p2p.replication import entries
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
    alice.member.removals.kick("mallory")
    town.collect(alice)
    town.settle(3)
    mallory.dead = True
    assert bob.member.keyring.epoch.id == alice.member.keyring.epoch.id
    assert not bob.member.roster.is_first_key
    still_works(town, alice, bob)


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
    town.settle(10)
    assert "cheat" in carol.warned, "of another than her sponsor she has the other history"


def test_a_reused_number_and_a_second_run_are_cheats_too() -> None:
    town, alice, bob, mallory = three()
    one = forged(town, mallory, mallory, "one")
    shout(town, mallory, one)
    shout(town, mallory, forged(town, mallory, mallory, "one again", run=b"r" * 16))
    town.settle(2)
    assert alice.warned == bob.warned == ["cheat"]
