from __future__ import annotations

import pytest

from sandpiper.common.connection_limits import ConnectionLimits, household
from sandpiper.common.errors import Refusal
from sandpiper.common.limits import (
    DOOR_CONNECTIONS,
    DOOR_PER_ADDRESS,
    DOOR_UNFINISHED_LOOPBACK,
    DOOR_UNFINISHED_PER_ADDRESS,
)


@pytest.mark.parametrize(
    ("address", "home"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_what_counts_as_one_address(address: str, home: str) -> None:
    assert household(address) == home


def crowd(limits: ConnectionLimits, address: str, count: int) -> None:
    for _ in range(count):
        limits.enter(address)
        limits.finish(address)


def test_one_address_has_its_share() -> None:
    limits = ConnectionLimits()
    crowd(limits, "192.0.2.7", DOOR_PER_ADDRESS)
    with pytest.raises(Refusal, match=r"too many connections from 192\.0\.2\.7"):
        limits.enter("192.0.2.7")
    limits.enter("192.0.2.8")
    limits.leave("192.0.2.7")
    limits.enter("192.0.2.7")


def test_loopback_is_bounded_by_the_whole_only() -> None:
    limits = ConnectionLimits()
    crowd(limits, "127.0.0.1", DOOR_CONNECTIONS)
    assert limits.present == DOOR_CONNECTIONS
    with pytest.raises(Refusal, match="too many connections: "):
        limits.enter("192.0.2.7")


@pytest.mark.parametrize(
    ("address", "limit"), [("192.0.2.7", DOOR_UNFINISHED_PER_ADDRESS), ("127.0.0.1", DOOR_UNFINISHED_LOOPBACK)]
)
def test_the_unfinished_are_fewer(address: str, limit: int) -> None:
    limits = ConnectionLimits()
    for _ in range(limit):
        limits.enter(address)
    with pytest.raises(Refusal, match="unfinished"):
        limits.enter(address)
    limits.finish(address)
    limits.enter(address)
    assert limits.unfinished == limit


def test_nothing_is_kept_of_who_has_gone() -> None:
    limits = ConnectionLimits()
    limits.enter("192.0.2.7")
    limits.finish("192.0.2.7")
    limits.begin("192.0.2.7")
    limits.finish("192.0.2.7")
    limits.leave("192.0.2.7")
    assert (limits.present, limits.unfinished) == (0, 0)
    assert not limits._present
    assert not limits._unfinished
