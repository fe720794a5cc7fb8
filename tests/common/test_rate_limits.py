"""One bucket a household, and never too many of them."""

from __future__ import annotations

import pytest

from sandpiper.common.rate_limits import RateLimits


def test_each_household_has_its_own() -> None:
    paces = RateLimits(1.0, 2.0)
    assert [paces.take("192.0.2.1", 1.0, 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert paces.take("192.0.2.2", 1.0, 0.0) == 0.0
    assert [paces.take(f"2001:db8::{n}", 1.0, 0.0) for n in range(1, 4)] == [0.0, 0.0, 1.0]
    assert paces.take("2001:db8:0:1::1", 1.0, 0.0) == 0.0


def test_loopback_may_be_wider() -> None:
    paces = RateLimits(1.0, 2.0, loopback=3.0)
    waits = [paces.take(address, 1.0, 0.0) for address in ["127.0.0.1", "::1", "127.0.0.9"] * 2]
    assert waits == [0.0] * 6
    assert paces.take("127.0.0.1", 1.0, 0.0) > 0.0


def test_a_debt_is_asked_for_without_taking_anything() -> None:
    paces = RateLimits(1.0, 1.0)
    assert paces.debt("192.0.2.1", 0.0) == 0.0
    assert len(paces) == 0
    paces.charge("192.0.2.1", 3.0, 0.0)
    assert [paces.debt("192.0.2.1", 0.0) for _ in range(3)] == [2.0] * 3
    assert paces.debt("192.0.2.1", 2.0) == 0.0


def test_what_is_given_back_can_be_taken_again() -> None:
    paces = RateLimits(1.0, 2.0)
    assert [paces.take("192.0.2.1", 1.0, 0.0) for _ in range(2)] == [0.0, 0.0]
    paces.give_back("192.0.2.1", 1.0, 0.0)
    assert [paces.take("192.0.2.1", 1.0, 0.0) for _ in range(2)] == [0.0, 1.0]
    paces.give_back("192.0.2.2", 1.0, 0.0)
    assert len(paces) == 1


def test_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.common.rate_limits.PACES_MOST", 3)
    paces = RateLimits(1.0, 1.0)
    for number in range(10):
        paces.charge(f"192.0.2.{number}", 9.0, 0.0)
    assert len(paces) == 3
    assert paces.debt("192.0.2.0", 0.0) == 0.0
    assert paces.debt("192.0.2.9", 0.0) > 0.0
