"""What nobody has any more is called lost, by everybody, and holds back nothing of what comes after it."""

from __future__ import annotations

import pytest

from sandpiper.common.limits import GONE_S, LOST_AFTER_S, LOST_ALONE_S, LOST_ORPHAN_S
from sandpiper.common.messages import Lost
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Frontier, Page
from sandpiper.peer.p2p.state.peer import Way
from tests.peer.p2p.simnet import Citizen, Town, Weather

HEALED_S = 30.0
NOBODY, ALL = Weather(drop=1.0), Weather()


def lost(citizen: Citizen) -> int:
    return sum(event.count for event in citizen.events if isinstance(event, Lost))


def holed() -> tuple[Town, Citizen, Citizen, Citizen]:
    """Of what Alice has said nobody has the second message, and then she is dead."""
    town = Town()
    alice = town.found("alice", history="all")
    bob, carol = town.join("bob"), town.join("carol")
    town.settle(3)
    town.post(alice, "one")
    town.settle(0.01)
    town.weather = NOBODY
    town.post(alice, "two")
    town.weather = ALL
    town.post(alice, "three")
    town.now += 0.001
    town._step(town.now)
    alice.dead = True
    assert bob.texts == carol.texts == ["one"]
    return town, alice, bob, carol


def test_a_hole_in_what_somebody_dead_has_said_is_called_lost_and_the_rest_is_shown() -> None:
    town, _, bob, carol = holed()
    town.settle(GONE_S)
    assert lost(bob) == 0, "she may be back"
    town.settle(HEALED_S - GONE_S)
    for each in (bob, carol):
        assert each.texts == ["one", "three"]
        assert lost(each) == 1


def test_who_comes_later_hears_of_it_too() -> None:
    town, _, bob, _ = holed()
    town.settle(HEALED_S)
    dave = town.join("dave", at=[bob])
    town.settle(HEALED_S)
    assert dave.texts == ["one", "three"]
    assert lost(dave) == 1


def test_what_is_held_beyond_a_hole_is_given_to_whoever_lacks_it() -> None:
    town, alice, bob, carol = holed()
    two = alice.member.replica.log(alice.keys.session, TALK).all()[1]
    carol.member.replica.take([two.raw], town.now)  # it was under way by a relay
    carol.member.settle(town.now)
    town.collect(carol)
    town.settle(HEALED_S)
    assert bob.texts == ["one", "two", "three"]
    assert lost(bob) == 0


def test_an_answer_that_has_been_overtaken_does_not_make_its_sender_somebody_who_lacks_it() -> None:
    town, alice, bob, carol = holed()
    replica, session, source = bob.member.replica, alice.keys.session, carol.keys.session
    town.settle(GONE_S)
    track = replica.tracks[session, TALK]
    asked = replica.fetcher.ask((session, TALK), source, track.log.head)
    replica.page(source, Page(asked, session, TALK, 1, 1, []), town.now)
    assert track.lacking[source]
    replica.fetcher.claims(source, [Frontier(session, TALK, 2, b"h" * 32)], town.now)  # by now it has what comes next
    assert source not in track.lacking
    assert track.asked == source


def test_who_has_nothing_of_a_log_is_not_waited_for_though_a_sponsor_said_it_had_it() -> None:
    town, alice, bob, carol = holed()
    track = bob.member.replica.tracks[alice.keys.session, TALK]
    track.claims[carol.keys.session] = 3
    town.settle(HEALED_S)
    assert lost(bob) == 1
    assert bob.texts == ["one", "three"]


def test_a_process_that_was_stopped_has_not_waited() -> None:
    town, _, bob, carol = holed()
    carol.asleep = True
    town.settle(GONE_S + 3)
    bob.asleep = True
    town.now += 3600.0
    bob.asleep = carol.asleep = False
    town.settle(1)
    assert lost(bob) == 0
    town.settle(HEALED_S)
    assert lost(bob) == lost(carol) == 1


def test_who_hears_nobody_waits_for_longer() -> None:
    town, _, bob, carol = holed()
    carol.dead = True
    town.settle(GONE_S + LOST_ALONE_S - 5)
    assert lost(bob) == 0
    town.settle(15)
    assert lost(bob) == 1


def test_what_was_given_up_between_two_packets_is_shown_all_the_same() -> None:
    """It was decided while a beacon was read, or a line came up, and fell under the table."""
    town, alice, bob, carol = holed()
    town.settle(GONE_S + 1)
    replica, name = bob.member.replica, (alice.keys.session, TALK)
    track = replica.tracks[name]
    for seconds in range(0, 12, 2):  # it was looked at, and everybody was asked, and is so again
        track.hole.observe(town.now + seconds, waits=True)
        track.hole.whom_to_ask([carol.keys.session], LOST_ORPHAN_S)
    track.claims.clear()
    replica.fetcher.fetch_now(town.now + 12)
    bob.member.settle(town.now)
    town.collect(bob)
    assert lost(bob) == 1
    assert bob.texts == ["one", "three"]


def test_what_is_gone_with_its_origin_is_looked_for_no_longer() -> None:
    """A departed session of whose last words only a rumour is left has no timer."""
    town, alice, bob, carol = holed()
    town.settle(2 * HEALED_S)
    for each in (bob, carol):
        assert each.member.replica.tracks[alice.keys.session, TALK].repair.get_timer() is None


@pytest.mark.parametrize("seconds", [1.0, LOST_AFTER_S, LOST_ORPHAN_S])
def test_nothing_is_lost_of_somebody_who_comes_back(seconds: float) -> None:
    town, alice, bob, carol = holed()
    town.settle(seconds)
    alice.dead = False
    town.settle(HEALED_S)
    for each in (bob, carol):
        assert each.texts == ["one", "two", "three"]
        assert lost(each) == 0
    assert Way.MESH in bob.member.peers[alice.keys.session].heard


def test_who_never_heard_whose_it_was_waits_no_longer_than_the_others() -> None:
    town, _, bob, carol = holed()
    town.settle(1)
    dave = town.join("dave", at=[bob])
    town.settle(HEALED_S)
    for each in (bob, carol, dave):
        assert each.texts == ["one", "three"]
        assert lost(each) == 1
