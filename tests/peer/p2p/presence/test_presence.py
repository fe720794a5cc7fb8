"""Presence: who is here, under which name and which mesh key."""

from __future__ import annotations

from sandpiper.common.messages import Notice
from sandpiper.common.p2p.membership import Admit
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.state.keyring import SessionKeys
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import Town


def test_who_names_anothers_mesh_key_does_not_take_it_along() -> None:
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    false = SessionKeys.make(mallory.keys.identity, bob.keys.curve, town.random.randbytes)
    mallory.member.deed_log.write(Admit(false.vouched(room)))
    town.collect(mallory)
    town.settle(1)
    assert alice.member.presence.peer_of(bob.keys.curve) is alice.member.peers[bob.keys.session]
    alice.member.governance.kick("mallory")
    town.collect(alice)
    mallory.dead = True
    town.settle(3)
    assert alice.member.presence.admits(bob.keys.curve)
    assert alice.member.presence.peer_of(bob.keys.curve) is alice.member.peers[bob.keys.session]
    still_works(town, alice, bob)


def test_a_goodbye_is_heard_at_once() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(2)
    bob.member.gossip.say_goodbye()
    town.collect(bob)
    bob.dead = True
    town.settle(0.1)
    assert [event.text for event in alice.events if isinstance(event, Notice)] == ["bob joined", "bob left"]
    assert alice.member.presence.alone


def test_of_two_under_one_name_nobody_is_called_the_new_one() -> None:
    town = Town()
    first, second = town.found("anna"), town.join("anna")
    town.settle(3)
    for one, other in ((first, second), (second, first)):
        (text,) = [event.text for event in one.events if isinstance(event, Warned) and event.kind == "key"]
        assert text == (
            "you and another person are called anna; "
            f"the other has the key {other.member.keyring.fingerprint}: /verify tells more"
        )
    third = town.join("carol")
    town.settle(3)
    keys = " and ".join(sorted(each.member.keyring.fingerprint for each in (first, second)))
    assert f"two persons are called anna, with the keys {keys}: /verify tells more" in [
        event.text for event in third.events if isinstance(event, Warned)
    ]
