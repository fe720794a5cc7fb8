"""Gossip: members tell each other where the others are."""

from __future__ import annotations

from sandpiper.common.limits import INTRODUCE_S, RELAY_AFTER_S
from sandpiper.common.messages import Notice
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.packets import Bye, Signed
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import Town


def test_two_who_do_not_hear_each_other_are_told_by_a_third_where_they_are() -> None:
    town = Town()
    town.found("alice")
    town.cut.add(frozenset(("bob", "carol")))
    bob, carol = town.join("bob"), town.join("carol")
    for citizen in (bob, carol):  # after their sponsor has told the others of them: nobody else hears this
        citizen.member.cards.change(hosts=["127.0.0.1"], pub=5000, sub=5001)
        town.collect(citizen)
    town.settle(INTRODUCE_S + RELAY_AFTER_S + 2)
    for one, other in ((bob, carol), (carol, bob)):
        card = one.member.peers[other.keys.session].card
        assert card is not None
        assert card.pub == 5000


def test_what_another_says_of_itself_cannot_be_forged() -> None:
    town, alice, bob, mallory = three()
    body = packets.encode(Bye(1 << 40, 0))
    signature = mallory.keys.signing.sign(packets.own_text(alice.member.keyring.room, body)).signature
    packet = mallory.member.keyring.to_room(Signed(alice.keys.session, body, signature))
    town.arrive(mallory, bob, packet, Way.MESH)
    assert not [event for event in bob.events if isinstance(event, Notice) and event.event == "leave"]
    still_works(town, alice, bob)
