"""The guard: when it looks. What it then sees is tested with real connections, in tests/sockets."""

from __future__ import annotations

from typing import Any

import pytest

from sandpiper.broker import memory_guard
from sandpiper.common.limits import GUARD_CONNECTION_BYTES, GUARD_MARGIN_BYTES, GUARD_STEP_BYTES


class Crowd:
    """In a pair's stead."""

    def __init__(self) -> None:
        self.connections = 0
        self.surfaced: dict[int, int] = {}

    def catch_up(self) -> None:
        """See Pair."""

    def account(self) -> None:
        """See Pair."""


def test_a_crowd_is_not_looked_through_for_the_memory_that_it_takes_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    size, looks = 0, 0

    def look(self: memory_guard.MemoryGuard) -> int:
        nonlocal looks
        looks += 1
        return 0

    monkeypatch.setattr(memory_guard, "resident", lambda: size)
    monkeypatch.setattr(memory_guard.MemoryGuard, "_compare", look)
    monkeypatch.setattr(memory_guard.MemoryGuard, "_rebind", look)
    crowd: Any = Crowd()
    watching = memory_guard.MemoryGuard([crowd], set())
    for crowd.connections in range(0, 5001, 50):
        size = crowd.connections * GUARD_CONNECTION_BYTES
        watching.check()
    assert looks == 0
    size += GUARD_MARGIN_BYTES + 1
    watching.check()
    assert looks == 1
    size += GUARD_STEP_BYTES
    watching.check()
    assert looks == 2
