"""Presence: who is here, under which name and which mesh key."""

from __future__ import annotations

import pytest

from sandpiper.common.limits import EVASIVE_S, GONE_S, SOUGHT_S
from sandpiper.common.messages import Notice
from sandpiper.common.p2p.deeds import Admit
from sandpiper.peer.events import Warned
from sandpiper.peer.p2p.presence import namesakes
from sandpiper.peer.p2p.state.keyring import SessionKeys
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import Citizen, Town


def test_who_names_anothers_mesh_key_does_not_take_it_along() -> None:
    town, alice, bob, mallory = three()
    room = alice.member.keyring.room
    false = SessionKeys.make(mallory.keys.identity, bob.keys.curve, town.random.randbytes)
    mallory.member.deeds.write(Admit(false.vouched(room), "code"))
    town.collect(mallory)
    town.settle(1)
    assert alice.member.presence.peer_of(bob.keys.curve) is alice.member.peers[bob.keys.session]
    alice.member.removals.kick("mallory")
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


def key_warnings(citizen: Citizen) -> list[str]:
    return [event.text for event in citizen.events if isinstance(event, Warned) and event.kind == "key"]


def renames(town: Town, citizen: Citizen, *nicks: str) -> None:
    for nick in nicks:
        citizen.member.rename(nick)
        town.collect(citizen)
        town.settle(3)


@pytest.mark.parametrize("nick", ["alice", "Alice"])
def test_who_takes_anothers_name_later_is_warned_of_on_every_screen_once(nick: str) -> None:
    town, alice, bob, mallory = three()
    renames(town, mallory, nick)
    keys = {each.name: each.member.keyring.fingerprint for each in town.citizens}
    warnings = [
        f"you and another person are called {nick}; the other has the key {keys['mallory']}: /verify tells more",
        f"two persons are called {nick}, with the keys {' and '.join(sorted((keys['alice'], keys['mallory'])))}: "
        "/verify tells more",
        f"you and another person are called {nick}; the other has the key {keys['alice']}: /verify tells more",
    ]
    assert [key_warnings(each) for each in (alice, bob, mallory)] == [[each] for each in warnings]
    renames(town, mallory, "m", nick, "m", nick)
    assert [len(key_warnings(each)) for each in (alice, bob, mallory)] == [1, 1, 1]
    renames(town, mallory, "bob")
    assert [len(key_warnings(each)) for each in (alice, bob, mallory)] == [2, 2, 2]


def test_who_takes_anothers_name_while_it_is_gone_is_warned_of_when_it_is_back() -> None:
    town, alice, bob, mallory = three()
    town.cut = {frozenset(("alice", "mallory")), frozenset(("bob", "mallory"))}
    town.settle(GONE_S + EVASIVE_S)
    renames(town, mallory, "alice")
    town.cut.clear()
    town.settle(20)
    assert [len(key_warnings(each)) for each in (alice, bob)] == [1, 1]


def test_a_name_that_became_known_while_its_bearer_was_away_is_warned_of_when_it_is_back() -> None:
    town, alice, _, mallory = three()
    town.cut = {frozenset(("alice", "mallory")), frozenset(("bob", "mallory"))}
    town.settle(GONE_S + EVASIVE_S + SOUGHT_S)
    assert mallory.keys.session not in alice.member.peers
    mallory.member.rename("alice")
    assert alice.member.cards.read(mallory.member.cards.sign()), "as from a discovery service"
    assert key_warnings(alice) == []
    town.cut.clear()
    town.settle(60)
    assert len(key_warnings(alice)) == 1


def test_two_windows_of_one_person_may_bear_one_name() -> None:
    town = Town()
    alice = town.found("alice")
    other = town.join("other", identity=alice.keys.identity)
    town.settle(3)
    renames(town, other, "alice")
    assert key_warnings(alice) == key_warnings(other) == []


def test_the_pairs_that_were_told_of_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namesakes, "NAMESAKES_TOLD", 2)
    town, alice, bob, mallory = three()
    for number in range(4):
        renames(town, bob, f"name{number}")
        renames(town, mallory, f"name{number}")
    assert len(alice.member.presence.namesakes._told) == 2
    assert len(key_warnings(alice)) == 4


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
