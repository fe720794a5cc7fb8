"""Round trips that stand still on the screen while they are nearly the same."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from sandpiper.common.limits import SCREEN_RTT_MS, SCREEN_RTT_SHARE
from sandpiper.common.messages import Member


def steady(before: float | None, now: float | None) -> float | None:
    """The round trip to show: as before, if it is nearly the same."""
    if before is None or now is None or abs(now - before) > max(SCREEN_RTT_MS, SCREEN_RTT_SHARE * before):
        return now
    return before


def steadied(before: Iterable[Member], now: Iterable[Member]) -> tuple[Member, ...]:
    """Returns the members who are here now, with the round trips to show."""
    known = {(each.from_, each.nick): each.rtt_ms for each in before}
    return tuple(replace(each, rtt_ms=steady(known.get((each.from_, each.nick)), each.rtt_ms)) for each in now)
