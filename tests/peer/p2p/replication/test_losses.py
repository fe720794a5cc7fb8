"""What was given up is taken all the same when somebody turns out to have it: by everybody, once, in its place."""

from __future__ import annotations

import pytest

from sandpiper.common.limits import FETCH_TIMEOUT_S, GONE_S, LOST_AGAIN_S, LOST_ASKED, LOST_LOGS, LOST_RANGES, STANDS_S
from sandpiper.common.messages import Lost
from sandpiper.common.p2p.envelope import TALK, Envelope
from sandpiper.common.p2p.packets import Page
from sandpiper.peer.events import Found, Received
from sandpiper.peer.p2p.replication.digest import Name
from sandpiper.peer.p2p.replication.losses import Losses
from tests.peer.p2p.hostile import forged, shout
from tests.peer.p2p.simnet import Citizen, Town, Weather

GIVEN_UP_S = 30.0


def count(citizen: Citizen, kind: type[Lost] | type[Found]) -> int:
    return sum(event.count for event in citizen.events if isinstance(event, kind))


def part(town: Town, *pairs: tuple[Citizen, Citizen]) -> None:
    town.cut |= {frozenset((one.name, other.name)) for one, other in pairs}


def apart(texts: tuple[str, ...] = ("two",)) -> tuple[Town, Citizen, Citizen, Citizen, Citizen]:
    """Alice said something that only Dave has, then something that all have, and is dead. Nobody hears Dave."""
    town = Town()
    alice = town.found("alice", history="all")
    bob, carol, dave = town.join("bob"), town.join("carol"), town.join("dave")
    town.settle(3)
    town.post(alice, "one")
    town.settle(0.01)
    part(town, (dave, bob), (dave, carol))
    weather, town.cut = town.cut, town.cut | {frozenset(("alice", "bob")), frozenset(("alice", "carol"))}
    for text in texts:
        town.post(alice, text)
    town.settle(0.01)
    town.cut = weather
    town.post(alice, "last")
    town.now += 0.001
    town._step(town.now)
    alice.dead = True
    return town, alice, bob, carol, dave


def given_up(texts: tuple[str, ...] = ("two",)) -> tuple[Town, Citizen, Citizen, Citizen, Citizen]:
    """Bob and Carol have given that up."""
    town, alice, bob, carol, dave = apart(texts)
    town.settle(GIVEN_UP_S)
    for each in (bob, carol):
        assert each.texts == ["one", "last"]
        assert count(each, Lost) == len(texts)
    assert dave.texts == ["one", *texts, "last"]
    return town, alice, bob, carol, dave


def hashes(citizen: Citizen, whose: Citizen) -> list[bytes]:
    return [each.hash for each in citizen.member.replica.log(whose.keys.session, TALK).all()]


def pulls(town: Town, citizen: Citizen) -> list[int]:
    """What it asks for from now on, of talk."""
    asked: list[int] = []
    inner = citizen.member.replica.fetcher.ask

    def ask(name: Name, source: bytes, after: int) -> int:
        asked.append(after)
        return inner(name, source, after)

    citizen.member.replica.fetcher.losses._ask = ask
    return asked


def test_who_holds_it_is_asked_when_it_is_heard_again() -> None:
    town, alice, bob, carol, dave = given_up(("two", "three", "four"))
    town.cut.clear()
    town.settle(10)
    for each in (bob, carol):
        assert each.texts == ["one", "last", "two", "three", "four"]
        assert (count(each, Lost), count(each, Found)) == (3, 3)
        late = [event for event in each.events if isinstance(event, Received) and event.late]
        assert [(event.message.seq, event.message.prev) for event in late] == [(2, 0), (3, 2), (4, 3)]
        told = [event for event in each.events if isinstance(event, Received | Lost | Found)]
        assert told[-4] == Found(each.member.context.room_name, late[0].message.from_, 3)
        assert hashes(each, alice) == hashes(dave, alice)
        assert not each.member.replica.fetcher.losses.end((alice.keys.session, TALK))
    assert not [event for event in dave.events if isinstance(event, Found)]


def test_it_stands_in_its_place_in_what_was_said_before() -> None:
    town, _, bob, _, _ = given_up(("two", "three"))
    town.cut.clear()
    town.settle(10)
    past = bob.member.past
    past.ask(bob.heard[1], town.now)
    assert [message.text for message in past.found or () if hasattr(message, "text")] == ["one", "two", "three"]


def test_who_joins_then_has_it_in_its_place() -> None:
    town, _, _, _, _ = given_up(("two", "three"))
    town.cut.clear()
    town.settle(10)
    eve = town.join("eve")
    town.settle(10)
    assert eve.texts == ["one", "two", "three", "last"]
    assert not [event for event in eve.events if isinstance(event, Lost | Found)]


def test_what_comes_before_the_history_is_shown_is_in_its_place() -> None:
    town, _, bob, _, _dave = given_up()
    bob.member.display.pause(on=True)
    eve = town.join("eve", at=[bob])
    eve.member.display.pause(on=True)
    town.settle(10)
    assert count(eve, Lost) == 1
    town.cut.clear()
    town.settle(10)
    eve.member.display.pause(on=False)
    town.collect(eve)
    assert eve.texts == ["one", "two", "last"]
    assert (count(eve, Lost), count(eve, Found)) == (1, 1)


def test_who_does_not_hear_that_member_has_it_from_one_who_does() -> None:
    town, alice, bob, carol, dave = given_up(("two", "three"))
    town.cut = {frozenset(("dave", "bob"))}
    town.settle(2 * STANDS_S)
    for each in (bob, carol):
        assert each.texts == ["one", "last", "two", "three"]
        assert hashes(each, alice) == hashes(dave, alice)


def test_whoever_said_it_may_come_back_itself() -> None:
    town, alice, bob, carol, dave = given_up()
    dave.dead, alice.dead = True, False
    town.settle(10)
    for each in (bob, carol):
        assert each.texts == ["one", "last", "two"]
        assert hashes(each, alice) == hashes(alice, alice)


def test_packets_may_get_lost_meanwhile() -> None:
    town, alice, bob, carol, dave = given_up(tuple(map(str, range(20))))
    town.cut.clear()
    town.weather = Weather(drop=0.3, repeat=0.1, delay_s=0.3)
    town.settle(30)
    for each in (bob, carol):
        assert hashes(each, alice) == hashes(dave, alice)
        assert len(each.texts) == len(set(each.texts)) == 22


def test_what_was_pushed_long_ago_is_taken_once() -> None:
    town, alice, bob, carol, dave = given_up()
    two = alice.member.replica.log(alice.keys.session, TALK).all()[1]
    for _ in range(3):
        shout(town, dave, two, to=[bob])
    assert bob.texts == ["one", "last", "two"]
    assert count(bob, Found) == 1
    town.settle(STANDS_S)
    assert carol.texts == ["one", "last", "two"]


def test_nobody_else_can_have_said_it() -> None:
    town, alice, bob, carol, _ = given_up()
    shout(town, carol, forged(town, carol, alice, "alice owes me money", first=2), to=[bob])
    town.settle(1)
    assert bob.texts == ["one", "last"]
    assert not bob.warned


@pytest.mark.parametrize("which", ["before", "after"])
def test_who_fills_its_own_hole_with_another_history_is_a_cheat(which: str) -> None:
    town, alice, bob, carol, _ = given_up()
    one, two, last = alice.member.replica.log(alice.keys.session, TALK).all()
    prev = one.hash if which == "after" else b"x" * 32
    shout(town, carol, forged(town, alice, alice, "something else", first=2, prev=prev), to=[bob])
    town.settle(1)
    assert bob.texts == ["one", "last"]
    assert "cheat" in bob.warned
    assert two.hash != last.hash


def test_what_is_beyond_a_removal_is_not_taken() -> None:
    town, alice, bob, _, dave = given_up()
    bob.member.replica.end(alice.keys.session, 1)
    two = alice.member.replica.log(alice.keys.session, TALK).all()[1]
    shout(town, dave, two, to=[bob])
    assert bob.texts == ["one", "last"]


def test_those_who_lack_it_too_are_asked_a_few_times_and_then_ever_more_rarely() -> None:
    town, _, bob, _carol, dave = given_up()
    dave.dead = True
    asked = pulls(town, bob)
    town.settle(200)
    assert len(asked) <= 4
    before = len(asked)
    town.settle(600)
    assert len(asked) - before <= 4


def test_it_has_no_clock() -> None:
    town, _alice, bob, carol, dave = given_up()
    dave.dead = carol.dead = True
    town.settle(60)
    asked = pulls(town, bob)
    town.settle(60)
    assert asked == []


# The bounds ------------------------------------------------------------------------------------------------


class Asked:
    """Losses, and what is asked by them."""

    def __init__(self) -> None:
        self.requests: list[tuple[Name, bytes, int]] = []
        self.losses = Losses(self._ask)

    def _ask(self, name: Name, source: bytes, after: int) -> int:
        self.requests.append((name, source, after))
        return len(self.requests)


def name(number: int) -> Name:
    return number.to_bytes(32, "big"), TALK


def test_so_many_holes_of_so_many_logs_are_remembered() -> None:
    losses = Asked().losses
    for number in range(3 * LOST_LOGS):
        losses.add(name(number), 1, 1, (), 0.0)
    for hole in range(3 * LOST_RANGES):
        losses.add(name(0), 10 * hole + 1, 10 * hole + 5, (), 0.0)
    assert len(losses._ranges) == LOST_LOGS
    assert len(losses._ranges[name(0)]) == LOST_RANGES
    assert losses.covers(name(0), 10 * (3 * LOST_RANGES - 1) + 1, 10 * (3 * LOST_RANGES - 1) + 5)
    assert not losses.covers(name(0), 1, 5)


def test_a_hole_that_is_filled_in_the_middle_is_two() -> None:
    losses = Asked().losses
    losses.add(name(0), 1, 9, (), 0.0)
    losses.fill(name(0), 4, 5)
    assert [losses.covers(name(0), seq, seq) for seq in range(1, 10)] == [seq not in (4, 5) for seq in range(1, 10)]
    losses.trim(name(0), 8)
    assert [losses.covers(name(0), seq, seq) for seq in (1, 7, 8, 9)] == [False, False, True, True]
    losses.fill(name(0), 8, 9)
    assert losses.end(name(0)) == 0
    assert not losses._ranges


def test_one_member_is_asked_for_some_logs_at_a_time_and_for_each_one_member() -> None:
    asked = Asked()
    for number in range(3 * LOST_ASKED):
        asked.losses.add(name(number), 5, 9, (), 0.0)
    asked.losses.heard(b"a", 1.0)
    assert len(asked.requests) == LOST_ASKED
    asked.losses.heard(b"b", 1.1)
    assert len(asked.requests) == len({each for each, _, _ in asked.requests}) == 2 * LOST_ASKED
    asked.losses.heard(b"a", 1.2)
    asked.losses.heard(b"a", 1.3)
    asked.losses.heard(b"b", 1.3)
    assert len(asked.requests) == 3 * LOST_ASKED


def test_a_member_that_claims_it_and_never_answers_keeps_nobody_from_being_asked() -> None:
    asked = Asked()
    asked.losses.add(name(0), 5, 9, (), 0.0)
    asked.losses.heard(b"liar", 1.0)
    for tenth in range(1, 100):
        asked.losses.told(b"liar", name(0), 20, 1 + tenth / 10)
        asked.losses.heard(b"liar", 1 + tenth / 10)
        asked.losses.heard(b"honest", 1 + tenth / 10 + 0.01)
    first = next(index for index, (_, source, _) in enumerate(asked.requests) if source == b"honest")
    assert first == 1, "as soon as its time is over"
    assert len(asked.requests) <= 2 * 10.0 / FETCH_TIMEOUT_S


def test_a_member_that_answers_with_what_is_not_asked_for_is_not_asked_on() -> None:
    asked = Asked()
    asked.losses.add(name(0), 5, 9, (), 0.0)
    asked.losses.heard(b"liar", 1.0)
    asked.losses.answered(name(0), 3, 1.1)
    for second in range(2, 60):
        asked.losses.told(b"liar", name(0), 20, float(second))
        asked.losses.heard(b"liar", float(second))
        if len(asked.requests) and asked.losses.asked(name(0), b"liar", len(asked.requests)):
            asked.losses.answered(name(0), 3, float(second))
    assert len(asked.requests) <= 6


def test_a_member_that_was_silent_for_long_is_asked_anew() -> None:
    asked = Asked()
    asked.losses.add(name(0), 5, 9, (), 0.0)
    asked.losses.heard(b"a", 1.0)
    asked.losses.answered(name(0), 0, 1.1)
    for second in range(2, 20):
        asked.losses.heard(b"a", float(second))
    assert len(asked.requests) == 1
    asked.losses.heard(b"a", 20.0 + GONE_S)
    assert len(asked.requests) == 2


def test_who_goes_on_telling_of_a_log_while_it_fills_up_is_asked_on_until_all_is_here() -> None:
    """It has come by a part of what is lost, and by the rest later."""
    asked = Asked()
    asked.losses.add(name(0), 1, 200, (), 0.0)
    for second in range(1, 101):
        now = float(second)
        asked.losses.told(b"a", name(0), 200, now)
        asked.losses.heard(b"a", now)
        if asked.losses.asked(name(0), b"a", len(asked.requests)):
            if asked.losses.covers(name(0), second, second):
                asked.losses.fill(name(0), asked.losses._ranges[name(0)][0][0], second)
            asked.losses.answered(name(0), second, now)
    waits = LOST_AGAIN_S + 1
    assert asked.losses._ranges[name(0)][0][0] > 100 - waits


def test_the_end_of_a_log_gives_back_what_was_remembered_of_it() -> None:
    _town, alice, bob, _, _ = given_up()
    losses = bob.member.replica.fetcher.losses
    bob.member.replica.stop(alice.keys.session)
    assert losses.end((alice.keys.session, TALK)) == 0
    assert not any(row.inquiries for row in losses._holders.values())


def page_of(made: list[Envelope], r: int) -> Page:
    return Page(r, made[0].session, TALK, 1, made[-1].last, [each.raw for each in made])


def test_an_answer_that_nobody_asked_for_is_no_answer() -> None:
    town, alice, bob, _, dave = given_up()
    made = alice.member.replica.log(alice.keys.session, TALK).all()
    bob.member.replica.page(dave.keys.session, page_of(made, 99_999), town.now)
    assert bob.texts == ["one", "last"]
