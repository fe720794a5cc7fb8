"""Chance, as the core is handed it: `secrets.SystemRandom()` in the service, a seeded `random.Random` in tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Chance(Protocol):
    """The part of `random.Random` that the core uses."""

    def randbytes(self, n: int, /) -> bytes:
        """Returns that many random bytes."""

    def randrange(self, start: int, stop: int, /) -> int:
        """A number from `start` to below `stop`."""

    def sample(self, population: Sequence[T], /, k: int) -> list[T]:
        """`k` of them, in no order."""
