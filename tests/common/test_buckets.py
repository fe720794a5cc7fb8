from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.buckets import Bucket, Meter

SLACK_S = 1e-6  # float rounding, far below any wait that matters


def test_a_burst_then_the_rate() -> None:
    bucket = Bucket(rate=10, burst=5)
    assert [bucket.take(1, 100.0) for _ in range(5)] == [0.0] * 5
    assert bucket.take(1, 100.0) == pytest.approx(0.1)
    assert bucket.take(1, 100.05) == pytest.approx(0.05)
    assert bucket.take(1, 100.1 + SLACK_S) == 0.0


def test_refused_takes_nothing() -> None:
    bucket = Bucket(rate=1, burst=1)
    assert bucket.take(1, 0.0) == 0.0
    assert [bucket.take(1, 0.0) for _ in range(3)] == [1.0] * 3


def test_an_item_larger_than_the_burst_goes_through_a_full_bucket() -> None:
    bucket = Bucket(rate=10, burst=5)
    assert bucket.take(100, 0.0) == 0.0
    assert bucket.take(1, 0.0) == pytest.approx(9.6)  # until 100 + 1 - 5 have flowed back
    assert bucket.take(100, 1.0) == pytest.approx(9.0)  # until it is full
    assert bucket.take(100, 10.0 + SLACK_S) == 0.0


def test_charging_goes_into_debt() -> None:
    bucket = Bucket(rate=10, burst=5)
    assert bucket.charge(5, 0.0) == 0.0
    assert bucket.charge(5, 0.0) == pytest.approx(0.5)
    assert bucket.charge(5, 0.5) == pytest.approx(0.5)
    assert bucket.take(1, 1.0) == pytest.approx(0.1)


def test_inf_is_no_limit() -> None:
    bucket = Bucket(rate=inf, burst=0)
    meter = Meter(inf, inf, 0.0)
    for _ in range(100):
        assert bucket.take(1e9, 5.0) == 0.0
        assert bucket.charge(1e9, 5.0) == 0.0
        assert meter.take(10**9, 5.0) == 0.0
        assert meter.charge(10**9, 5.0) == 0.0


@pytest.mark.parametrize("rate", [0, -1, nan])
def test_a_rate_is_above_0(rate: float) -> None:
    with pytest.raises(ValueError, match="a rate is above 0"):
        Bucket(rate, 1)
    with pytest.raises(ValueError, match="a rate is above 0"):
        Meter(rate, 1, 1)
    with pytest.raises(ValueError, match="a rate is above 0"):
        Meter(1, rate, 1)


def test_a_meter_counts_both() -> None:
    meter = Meter(10, 1000, 1.0)
    assert meter.take(900, 0.0) == 0.0
    assert meter.take(200, 0.0) == pytest.approx(0.1)  # bytes
    assert [meter.take(0, 0.0) for _ in range(9)] == [0.0] * 9
    assert meter.take(0, 0.0) == pytest.approx(0.1)  # messages
    assert meter.take(1500, 0.0) == pytest.approx(0.9)  # a large one waits for full bytes
    assert meter.charge(0, 0.0) == pytest.approx(0.1)


steps = st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 2)), max_size=50)


@given(steps, st.floats(1, 1000), st.floats(1, 10_000), st.floats(0.01, 5))
def test_a_meter_is_the_stricter_of_two_buckets(
    steps: list[tuple[int, float]], messages_per_s: float, bytes_per_s: float, burst_s: float
) -> None:
    meter = Meter(messages_per_s, bytes_per_s, burst_s)
    each, octets = Bucket(messages_per_s, messages_per_s * burst_s), Bucket(bytes_per_s, bytes_per_s * burst_s)
    now = 0.0
    for size, passed in steps:
        now += passed
        expected = max(each.charge(1, now), octets.charge(size, now))
        assert meter.charge(size, now) == pytest.approx(expected, abs=SLACK_S)


@given(steps, st.floats(1, 1000), st.floats(1, 10_000), st.floats(0.01, 5))
def test_whoever_waits_as_told_gets_through_and_no_more_than_the_rate(
    steps: list[tuple[int, float]], messages_per_s: float, bytes_per_s: float, burst_s: float
) -> None:
    meter = Meter(messages_per_s, bytes_per_s, burst_s)
    now, sent, octets, largest = 0.0, 0, 0, 0
    for size, passed in steps:
        now += passed
        wait = meter.take(size, now)
        tries = 0
        while wait:
            now += wait + SLACK_S
            wait = meter.take(size, now)
            tries += 1
            assert tries <= 2  # once for the messages, once for the bytes
        sent, octets, largest = sent + 1, octets + size, max(largest, size)
        assert sent <= messages_per_s * (now + burst_s) + 1 + SLACK_S
        assert octets <= bytes_per_s * (now + burst_s) * (1 + SLACK_S) + largest + 1
