"""Members together: what is said reaches everyone, once, in each one's order, whatever the links do."""

from __future__ import annotations

import pytest

from sandpiper.common.limits import BEACON_S, GONE_S
from sandpiper.common.messages import Notice
from sandpiper.peer.p2p.state.peer import PeerState, Way
from tests.peer.p2p.simnet import CODE, Citizen, Town, Weather


def logs(citizen: Citizen) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for message in citizen.heard:
        found.setdefault(message.run, []).append((message.seq, getattr(message, "text", "")))
    return found


def test_two_talk() -> None:
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    town.settle(2)
    town.post(alice, "hello")
    town.settle(0.1)
    town.post(bob, "hi")
    town.settle(2)
    assert alice.texts == ["hello", "hi"]
    assert bob.texts == ["hello", "hi"]
    assert alice.delivered == bob.delivered == [1]
    assert [event.text for event in alice.events if isinstance(event, Notice)] == ["bob joined"]
    assert [event.text for event in bob.events if isinstance(event, Notice)] == ["alice is here"]
    message = bob.heard[0]
    assert (message.nick, message.seq, message.room, message.verified) == ("alice", 1, str(CODE), True)
    assert message.from_ == alice.member.keyring.fingerprint


@pytest.mark.parametrize("seed", range(5))
def test_bad_links_lose_and_double_nothing(seed: int) -> None:
    town = Town(seed, Weather(drop=0.2, repeat=0.2, delay_s=0.3))
    people = [town.found("p0")]
    for index in range(1, 5):
        people.append(town.join(f"p{index}"))
    for number in range(40):
        for citizen in people:
            town.post(citizen, f"{citizen.name} {number}")
        town.settle(0.05)
    town.settle(40)
    expected = logs(people[0])
    assert sorted(len(log) for log in expected.values()) == [40] * 5
    for citizen in people:
        assert logs(citizen) == expected
        assert all([seq for seq, _ in log] == list(range(1, 41)) for log in logs(citizen).values())
        assert citizen.delivered == list(range(1, 41))


def test_what_the_dead_have_said_survives_with_whoever_has_it() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    carol = town.join("carol")
    town.settle(3)
    town.cut.add(frozenset(("alice", "carol")))
    for number in range(10):
        town.post(alice, str(number))
    town.settle(0.01)
    alice.dead = True
    town.settle(30)
    assert bob.texts == carol.texts == [str(number) for number in range(10)]
    gone = [event.text for event in bob.events if isinstance(event, Notice) and event.event == "leave"]
    assert gone == ["alice is gone: no sign of life"]


def test_who_slept_catches_up() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    carol.asleep = True
    for number in range(100):
        town.post(alice, str(number))
        town.settle(0.2)
    assert len(alice.delivered) == 100
    assert alice.member.peers[carol.keys.session].state is PeerState.GONE
    carol.asleep = False
    town.settle(15)
    assert carol.texts == bob.texts == [str(number) for number in range(100)]
    assert alice.member.peers[carol.keys.session].state is PeerState.PRESENT


def test_a_pair_without_a_link_goes_by_the_relay_and_back() -> None:
    town = Town()
    alice = town.found("alice")
    alice.relay = True
    town.cut.add(frozenset(("alice", "bob")))
    bob = town.join("bob")
    bob.relay = True
    town.settle(4)
    town.post(alice, "by relay")
    town.settle(1)
    assert bob.texts == ["by relay"]
    peer = bob.member.peers[alice.keys.session]
    assert peer.path(town.now) == "relay"
    town.cut.clear()
    town.settle(4)
    assert peer.path(town.now) == "direct"
    for number in range(50):
        town.post(bob, str(number))
        if number == 25:
            town.cut.add(frozenset(("alice", "bob")))
        town.settle(0.1)
    town.settle(8)
    assert alice.texts == ["by relay", *map(str, range(50))]


def test_without_relay_a_third_member_passes_it_on() -> None:
    town = Town()
    alice, bob, carol = town.found("alice"), town.join("bob"), town.join("carol")
    town.settle(3)
    town.cut.add(frozenset(("alice", "carol")))
    town.settle(5)
    town.post(alice, "round the corner")
    town.settle(4)
    assert carol.texts == ["round the corner"]
    assert bob.texts == ["round the corner"]
    assert carol.member.peers[alice.keys.session].path(town.now) == "via"


def test_a_member_that_reads_much_says_between_two_packets_that_it_lives_and_takes_nobody_for_gone() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(3)
    assert not bob.member.show_life(town.now + BEACON_S), "its clock will do that"
    town.now += GONE_S + 1  # for so long it has been at one batch, and what the others said is behind it in the queue
    assert bob.member.show_life(town.now)
    assert not bob.member.show_life(town.now)
    town.collect(bob)
    assert bob.member.peers[alice.keys.session].here
    town._step(town.now + 0.001)
    assert alice.member.peers[bob.keys.session].heard[Way.MESH] == town.now
