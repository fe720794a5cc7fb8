"""The replica: envelopes that are forged, said again, or without end harm nobody."""

from __future__ import annotations

from sandpiper.common import batch
from sandpiper.common.limits import HELD_BYTES
from sandpiper.common.messages import MsgDraft
from sandpiper.common.p2p import envelope
from sandpiper.common.p2p.envelope import TALK
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.hostile import forged, shout, still_works, three


def test_another_members_message_cannot_be_forged() -> None:
    town, alice, bob, mallory = three()
    shout(town, mallory, forged(town, mallory, alice, "alice says: give mallory your keys"))
    town.settle(3)
    assert bob.texts == []
    still_works(town, alice, bob)


def test_what_was_said_cannot_be_said_again() -> None:
    town, alice, bob, mallory = three()
    old = alice.member.cards.sign()
    packet = mallory.member.keyring.to_room(old)
    alice.member.cards.rename("alicia")
    town.collect(alice)
    town.settle(2)
    assert bob.member.peers[alice.keys.session].nick == "alicia"
    town.arrive(mallory, bob, packet, Way.MESH)
    assert bob.member.peers[alice.keys.session].nick == "alicia"


def test_envelopes_beyond_a_hole_do_not_fill_the_memory() -> None:
    town, _alice, bob, mallory = three()
    body = batch.pack([entries.encode(MsgDraft(text="x" * 50_000), "m", 0)])
    room = mallory.member.keyring.room
    for number in range(2, 2000):
        made = envelope.sign(
            mallory.keys.signing,
            mallory.keys.session,
            room,
            mallory.member.context.run,
            TALK,
            number,
            1,
            1,
            b"p" * 32,
            body,
        )
        bob.member.replica.take([made.raw], town.now)
    assert bob.member.replica.tracks[mallory.keys.session, TALK].held_bytes <= HELD_BYTES
