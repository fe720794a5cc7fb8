"""Messages are delivered once somebody has them, and shown under a name that is the speaker's own."""

from __future__ import annotations

import pytest

from sandpiper.common import batch
from sandpiper.common.limits import CLOCK_HEARD_MOST
from sandpiper.common.messages import MsgDraft
from sandpiper.common.p2p.envelope import TALK, sign
from sandpiper.common.p2p.packets import Frontier, Have
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.hostile import shout, still_works, three
from tests.peer.p2p.simnet import Town


def test_nobody_can_wind_the_clock_so_far_that_others_are_refused() -> None:
    town, alice, bob, mallory = three()
    body = batch.pack([entries.encode(MsgDraft(text="x"), "m", 0)])
    made = sign(
        mallory.keys.signing, mallory.keys.session, mallory.member.keyring.room, mallory.member.context.run, TALK, 1, 1,
        (1 << 62) - 1, bytes(32), body,
    )  # fmt: skip
    shout(town, mallory, made)
    still_works(town, alice, bob)


@pytest.mark.parametrize("sponsor", ["alice", "carol"])
def test_who_took_no_history_speaks_after_all_that_was_said_before(sponsor: str) -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(3)
    said = [str(number) for number in range(6)]
    for number, text in enumerate(said):
        town.post((alice, bob)[number % 2], text)
        town.settle(0.1)
    carol = town.join("carol", backlog=0)
    town.settle(3)
    dave = town.join("dave", backlog=0, at=[alice if sponsor == "alice" else carol])
    town.settle(3)
    town.post(dave, "new")
    town.settle(1)
    late, short = town.join("late"), town.join("short", backlog=2)
    town.settle(5)
    assert late.texts == [*said, "new"]
    assert short.texts == [said[-1], "new"]


def test_a_clock_far_ahead_leaves_room_for_everybody() -> None:
    town, alice, bob, mallory = three()
    body = batch.pack([entries.encode(MsgDraft(text="x"), "m", 0)])
    log = mallory.member.replica.log(mallory.keys.session, TALK)
    made = sign(
        mallory.keys.signing, mallory.keys.session, mallory.member.keyring.room, mallory.member.context.run, TALK,
        log.head + 1, 1, (1 << 62) - 1, log.hash, body,
    )  # fmt: skip
    shout(town, mallory, made)
    assert alice.member.replica.clock == bob.member.replica.clock == CLOCK_HEARD_MOST
    carol = town.join("carol", backlog=0, at=[alice])
    town.settle(3)
    town.post(carol, "hi")
    town.settle(2)
    assert alice.texts[-1] == bob.texts[-1] == "hi"
    assert CLOCK_HEARD_MOST < carol.member.replica.clock < CLOCK_HEARD_MOST + 10
    still_works(town, alice, bob)


def test_nobody_speaks_under_anothers_name_as_if_it_were_their_own() -> None:
    town, alice, bob, mallory = three()
    for nick in ("alice", "ALICE", "bob", "mal\x1b[2Jlory", "m" * 1000, "mallory"):
        mallory.member.message_log.post(MsgDraft(text=f"as {nick[:3]}"), nick, 0, town.now)
        mallory.member.flush(town.now)
        town.collect(mallory)
    town.settle(2)
    said = [(message.nick, message.verified) for message in bob.heard]
    assert said[:3] == [("alice", False), ("ALICE", False), ("bob", False)]
    assert said[3:] == [("mallory", True)] * 3
    still_works(town, alice, bob)


def test_what_is_said_to_be_had_is_the_end_of_an_envelope() -> None:
    town, alice, bob, mallory = three()
    bob.asleep = mallory.asleep = True
    for number in range(3):
        alice.member.message_log.post(MsgDraft(text=str(number)), "alice", 0, town.now)
    alice.member.flush(town.now)
    town.collect(alice)
    lie = Have([Frontier(alice.keys.session, TALK, 2, b"")])
    town.arrive(mallory, alice, mallory.member.keyring.to_one(alice.keys.session, lie), Way.MESH)
    assert alice.delivered == []


def test_alone_nothing_is_delivered_until_somebody_has_it() -> None:
    town = Town()
    alice = town.found("alice")
    town.post(alice, "is anybody here?")
    town.settle(3)
    assert alice.member.presence.alone
    assert alice.delivered == []
    bob = town.join("bob")
    town.settle(3)
    assert bob.texts == ["is anybody here?"]
    assert alice.delivered == [1]


def test_nobody_acknowledges_for_others_what_they_do_not_have() -> None:
    town, alice, bob, mallory = three()
    bob.asleep = mallory.asleep = True
    town.post(alice, "one")
    lie = Have([Frontier(alice.keys.session, TALK, 1, b"another hash".ljust(32))])
    town.arrive(mallory, alice, mallory.member.keyring.to_one(alice.keys.session, lie), Way.MESH)
    assert alice.delivered == []
