from __future__ import annotations

import pytest

from sandpiper.chat.timestamps import clock, day, moment, stamp


def test_a_moment_in_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    then = 1_741_082_400
    assert clock(then)[2] == ":"
    assert day(then).endswith("March 2025")
    assert moment(then).startswith("2025-03-0")
    assert stamp(then).startswith("202503")


@pytest.mark.parametrize("ts", [10.0**30, float("inf"), float("nan")])
def test_what_is_no_time_is_said_without_one(ts: float) -> None:
    assert (clock(ts), day(ts), moment(ts), stamp(ts)) == ("--:--", "", "-", "undated")
