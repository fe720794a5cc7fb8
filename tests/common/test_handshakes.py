"""Handshakes: a few at a time, households in turn, first come first served in each, and nobody holds the line up."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.handshakes import Handshakes

MOST, TURN_S = 3, 1.0


class Town:
    """Connections at a `Handshakes`: who has begun, who has something that we have not read, who is gone unheard."""

    def __init__(self, rate: float = 2.0**30) -> None:
        self.begun: list[int] = []
        self.unread: set[int] = set()
        self.vanished: set[int] = set()
        self.line = Handshakes(MOST, rate, unread=self.unread.__contains__, begin=self.begin)

    def begin(self, fd: int) -> float:
        if fd in self.vanished:
            return 0.0
        self.begun.append(fd)
        return TURN_S


def crowd(count: int) -> Town:
    town = Town()
    for fd in range(count):
        town.line.come(fd, "home", now=0.0)
    return town


def test_a_few_begin_at_once_and_the_next_when_one_is_done() -> None:
    town = crowd(5)
    assert town.begun == [0, 1, 2]
    town.line.done(0.1)
    assert town.begun == [0, 1, 2, 3]
    town.line.gone(1, 0.2)
    assert town.begun == [0, 1, 2, 3, 4]
    assert town.line.waiting == 0


def test_alone_nobody_waits_and_no_timer_runs() -> None:
    town = crowd(1)
    assert town.begun == [0]
    assert town.line.get_timer() is None


def test_who_waits_for_the_other_end_holds_nobody_up() -> None:
    town = crowd(5)
    assert town.line.get_timer() == TURN_S
    town.line.handle_timer(TURN_S)
    assert town.begun == [0, 1, 2, 3, 4]


def test_who_waits_for_us_keeps_its_turn() -> None:
    town = crowd(5)
    town.unread |= {0, 1, 2}
    town.line.handle_timer(TURN_S)
    assert town.begun == [0, 1, 2]
    assert town.line.get_timer() == 2 * TURN_S
    town.unread.clear()
    town.line.handle_timer(2 * TURN_S)
    assert town.begun == [0, 1, 2, 3, 4]


def test_a_household_that_brings_many_keeps_the_others_waiting_for_one_of_its_own() -> None:
    town = Town()
    for fd in range(100):
        town.line.come(fd, "crowd", 0.0)
    for fd in (200, 201):
        town.line.come(fd, "pair", 0.0)
    town.line.come(300, "single", 0.0)
    for hundredth in range(1, 8):
        town.line.done(hundredth / 100)
    assert town.begun == [0, 1, 2, 3, 200, 300, 4, 201, 5, 6]


def test_a_household_that_has_left_the_line_has_no_turn_in_it() -> None:
    town = Town()
    for fd in range(5):
        town.line.come(fd, "crowd", 0.0)
    town.line.come(200, "left", 0.0)
    assert town.line.waits(200)
    town.line.gone(200, 0.0)
    assert not town.line.waits(200)
    town.line.come(201, "left", 0.0)
    town.line.done(0.1)
    town.line.done(0.1)
    assert town.begun == [0, 1, 2, 3, 201]


def test_one_that_gave_up_waiting_takes_no_turn() -> None:
    town = crowd(5)
    town.line.gone(3, 0.1)
    town.line.done(0.2)
    assert town.begun == [0, 1, 2, 4]


def test_one_that_is_not_there_any_more_takes_no_turn() -> None:
    town = crowd(5)
    town.vanished.add(3)
    town.line.done(0.1)
    assert town.begun == [0, 1, 2, 4]


def test_a_number_that_comes_again_is_another_connection() -> None:
    town = crowd(4)
    town.line.come(0, "home", 0.1)  # that the one before has ended is not known yet: its turn is over, and 3 begins
    assert town.begun == [0, 1, 2, 3]
    town.line.done(0.2)
    assert town.begun == [0, 1, 2, 3, 0]


def test_what_is_over_twice_or_unknown_does_no_harm() -> None:
    town = Town()
    town.line.done(0.0)
    town.line.gone(7, 0.0)
    town.line.handle_timer(9.0)
    assert town.line.under_way == town.line.waiting == 0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("come"), st.integers(0, 9)),
            st.tuples(st.just("gone"), st.integers(0, 9)),
            st.tuples(st.just("done"), st.just(0)),
            st.tuples(st.just("unread"), st.integers(0, 9)),
            st.tuples(st.just("read"), st.integers(0, 9)),
            st.tuples(st.just("later"), st.just(0)),
        )
    )
)
def test_whatever_happens_the_bound_holds_and_everyone_comes_in(events: list[tuple[str, int]]) -> None:
    town, now, came, left = Town(), 0.0, Counter[int](), Counter[int]()
    for what, fd in events:
        now += 0.25
        waited = town.line.waiting
        if what == "come":
            came[fd] += 1
            town.line.come(fd, f"home {fd % 3}", now)
        elif what == "gone":
            left[fd] += 1
            town.line.gone(fd, now)
        elif what == "done":
            town.line.done(now)
        elif what == "later":
            town.line.handle_timer(now)
        else:
            (town.unread.add if what == "unread" else town.unread.discard)(fd)
        assert town.line.under_way <= MOST
        assert town.line.under_way == MOST or not town.line.waiting
        assert town.line.waiting <= waited + 1
    town.unread.clear()
    while (due := town.line.get_timer()) is not None:
        now = max(now, due)
        town.line.handle_timer(now)
    assert not town.line.waiting
    begun = Counter(town.begun)
    assert all(begun[fd] <= came[fd] for fd in begun)
    assert all(begun[fd] >= 1 for fd in came if not left[fd])


def test_no_more_begin_in_a_second_than_the_rate() -> None:
    town = Town(rate=8.0)
    for fd in range(10):
        town.line.come(fd, "home", now=0.0)
        town.line.done(0.0)
    assert len(town.begun) == MOST
    now, times = 0.0, []
    while (due := town.line.get_timer()) is not None:
        assert due > now
        now = due
        town.line.handle_timer(now)
        times.append(now)
        town.line.done(now)
    assert town.begun == list(range(10))
    assert (10 - MOST) / 8.0 <= times[-1] <= 1.5


def test_a_crowd_waits_for_whichever_is_later_the_pace_or_a_turn() -> None:
    town = Town(rate=1.0)
    for fd in range(5):
        town.line.come(fd, "home", now=0.0)
    assert town.begun == [0, 1, 2]
    assert town.line.get_timer() == TURN_S
    town.line.handle_timer(TURN_S)
    assert town.begun == [0, 1, 2, 3]
    town.line.done(TURN_S)
    assert town.begun == [0, 1, 2, 3]
    due = town.line.get_timer()
    assert due is not None
    assert due > TURN_S
    town.line.handle_timer(due)
    assert town.begun == [0, 1, 2, 3, 4]
