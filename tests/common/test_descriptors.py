"""Who may take which descriptor, and how often a person hears of it."""

from __future__ import annotations

import pytest

from sandpiper.common.descriptors import DescriptorShares, Seldom
from sandpiper.common.limits import DESCRIPTORS_SPARED_LEAST, DESCRIPTORS_TOLD_S


@pytest.mark.parametrize("limit", [60, 64, 256, 1024, 10_240, 65_536])
def test_members_may_go_farther_than_newcomers_and_something_is_left_beyond_both(limit: int) -> None:
    allotment = DescriptorShares(limit)
    last_member = max(fd for fd in range(limit) if allotment.fits_member(fd))
    last_newcomer = max(fd for fd in range(limit) if allotment.fits_newcomer(fd))
    assert limit - 1 - last_member == last_member - last_newcomer == allotment.spared
    assert allotment.spared >= DESCRIPTORS_SPARED_LEAST


def test_without_a_limit_everybody_may() -> None:
    allotment = DescriptorShares(None)
    assert allotment.fits_newcomer(1 << 30)
    assert allotment.fits_member(1 << 30)


def test_it_is_told_at_once_and_then_once_in_a_while() -> None:
    seldom = Seldom()
    told = [now for now in range(301) if seldom.due(now)]
    assert told == list(range(0, 301, int(DESCRIPTORS_TOLD_S)))
