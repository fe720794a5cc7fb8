from __future__ import annotations

import pytest

from sandpiper.common.messages import Member
from sandpiper.tui.round_trips import steadied, steady


@pytest.mark.parametrize(
    ("before", "now", "shown"),
    [(None, 2.0, 2.0), (2.0, None, None), (100.0, 101.0, 100.0), (100.0, 200.0, 200.0), (0.5, 0.9, 0.5)],
)
def test_what_is_nearly_the_same_stands_still(before: float | None, now: float | None, shown: float | None) -> None:
    assert steady(before, now) == shown


def test_each_member_has_its_own() -> None:
    def members(*rtts: float) -> list[Member]:
        return [Member(nick, nick * 24, True, "bus", rtt) for nick, rtt in zip("ab", rtts, strict=True)]

    assert [each.rtt_ms for each in steadied(members(100.0, 100.0), members(101.0, 300.0))] == [100.0, 300.0]
