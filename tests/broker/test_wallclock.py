"""A clock that has been set is not believed at once: what has aged is gone for good."""

from __future__ import annotations

import pytest

from sandpiper.broker.records import ClockRecord
from sandpiper.broker.wallclock import WallClock
from sandpiper.common.limits import CLOCK_GAP_S, CLOCK_JUMP_S, CLOCK_TRUST_S

DAY_S = 86400.0
YEARS_S = 3 * 365 * DAY_S


def test_a_clock_that_goes_is_trusted_once_it_has_gone_for_a_while() -> None:
    clock = WallClock(1e9, 5.0)
    for second in range(10_000):
        slewed = second * 0.0005  # as NTP does
        assert clock.observe(1e9 + second + slewed, 5.0 + second) == 0.0
        assert clock.trusted(5.0 + second, DAY_S) == (second >= CLOCK_TRUST_S)


def test_one_that_starts_ahead_has_to_stay_too() -> None:
    before = WallClock(1e9 - DAY_S, 0.0).record(DAY_S)
    assert WallClock(1e9, 5.0, before).trusted(5.0, 30 * DAY_S), "it goes on from there"
    clock = WallClock(1e9 + YEARS_S, 5.0, before)
    assert not clock.trusted(4.0 + CLOCK_TRUST_S, 30 * DAY_S)
    assert clock.trusted(5.0 + CLOCK_TRUST_S, 30 * DAY_S)


def test_one_that_starts_ahead_is_not_believed_for_being_started_twice() -> None:
    right = WallClock(1e9 - DAY_S, 0.0).record(DAY_S)
    ahead = WallClock(1e9 + YEARS_S, 5.0, right).record(6.0)
    assert not WallClock(1e9 + YEARS_S + 10.0, 15.0, ahead).trusted(15.0, 30 * DAY_S)
    back = WallClock(1e9 + 20.0, 25.0, ahead)
    assert not back.trusted(25.0, 30 * DAY_S)


def test_restarts_every_few_minutes_keep_nothing_for_ever() -> None:
    wall, row, starts = 1e9, None, 0
    while not (clock := WallClock(wall, 77.0, row)).trusted(77.0, 30 * DAY_S):
        starts += 1
        row = clock.record(77.0)  # killed right after it
        wall += 300.0
        assert starts < 100
    assert wall - 1e9 == CLOCK_TRUST_S


def test_a_broker_that_was_away_for_long_asks_the_clock_to_stay_anew() -> None:
    assert not WallClock(1e9 + CLOCK_GAP_S, 0.0, ClockRecord(0.0, 1e9)).trusted(0.0, DAY_S)


@pytest.mark.parametrize("jump", [60 * DAY_S, -60 * DAY_S, CLOCK_JUMP_S + 1])
def test_one_that_has_been_set_has_to_stay(jump: float) -> None:
    clock = WallClock(1e9, 0.0)
    assert clock.observe(1e9 + 1 + jump, 1.0) == pytest.approx(jump)
    assert not clock.trusted(1.0, 30 * DAY_S)
    assert clock.observe(1e9 + CLOCK_TRUST_S + jump, CLOCK_TRUST_S) == 0.0
    assert not clock.trusted(CLOCK_TRUST_S, 30 * DAY_S)
    assert clock.trusted(1.0 + CLOCK_TRUST_S, 30 * DAY_S)


def test_set_wrong_and_right_again_waits_anew() -> None:
    clock = WallClock(1e9, 0.0)
    clock.observe(1e9 + 1 + DAY_S, 1.0)
    clock.observe(1e9 + 1000, 1000.0)
    assert not clock.trusted(1.0 + CLOCK_TRUST_S, DAY_S)
    assert clock.trusted(1000.0 + CLOCK_TRUST_S, DAY_S)


def test_what_is_kept_for_a_minute_goes_after_a_minute() -> None:
    clock = WallClock(1e9, 0.0)
    clock.observe(1e9 + DAY_S, 0.0)
    assert not clock.trusted(59.0, 60.0)
    assert clock.trusted(60.0, 60.0)
