"""A clock that has been set is not believed at once: what has aged is gone for good."""

from __future__ import annotations

import pytest

from sandpiper.broker.wallclock import WallClock
from sandpiper.common.limits import CLOCK_JUMP_S, CLOCK_TRUST_S

DAY_S = 86400.0


def test_a_clock_that_goes_is_trusted() -> None:
    clock = WallClock(1e9, 5.0)
    for second in range(10_000):
        slewed = second * 0.0005  # as NTP does
        assert clock.look(1e9 + second + slewed, 5.0 + second) == 0.0
        assert clock.trusted(5.0 + second, DAY_S)


@pytest.mark.parametrize("jump", [60 * DAY_S, -60 * DAY_S, CLOCK_JUMP_S + 1])
def test_one_that_has_been_set_has_to_stay(jump: float) -> None:
    clock = WallClock(1e9, 0.0)
    assert clock.look(1e9 + 1 + jump, 1.0) == pytest.approx(jump)
    assert not clock.trusted(1.0, 30 * DAY_S)
    assert clock.look(1e9 + CLOCK_TRUST_S + jump, CLOCK_TRUST_S) == 0.0
    assert not clock.trusted(CLOCK_TRUST_S, 30 * DAY_S)
    assert clock.trusted(1.0 + CLOCK_TRUST_S, 30 * DAY_S)


def test_set_wrong_and_right_again_waits_anew() -> None:
    clock = WallClock(1e9, 0.0)
    clock.look(1e9 + 1 + DAY_S, 1.0)
    clock.look(1e9 + 1000, 1000.0)
    assert not clock.trusted(1.0 + CLOCK_TRUST_S, DAY_S)
    assert clock.trusted(1000.0 + CLOCK_TRUST_S, DAY_S)


def test_what_is_kept_for_a_minute_goes_after_a_minute() -> None:
    clock = WallClock(1e9, 0.0)
    clock.look(1e9 + DAY_S, 0.0)
    assert not clock.trusted(59.0, 60.0)
    assert clock.trusted(60.0, 60.0)
