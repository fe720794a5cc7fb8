"""File descriptors: how many of them others' connections may take, and how often a person is told that they are short.

The system gives each new descriptor the lowest number that is free. So the number of a connection that has just been
accepted says how many descriptors are taken already, whoever took them: nobody needs to count.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandpiper.common.limits import DESCRIPTORS_SPARED_LEAST, DESCRIPTORS_SPARED_PART, DESCRIPTORS_TOLD_S


@dataclass(frozen=True, slots=True)
class DescriptorShares:
    """The shares in `limit` file descriptors of members, newcomers and ourselves (None: the system sets no limit)."""

    limit: int | None

    @property
    def spared(self) -> int:
        """How many nobody else's connections may take: files, names and our own connections need them."""
        return max((self.limit or 0) // DESCRIPTORS_SPARED_PART, DESCRIPTORS_SPARED_LEAST)

    def fits_member(self, fd: int) -> bool:
        """Whether a connection with this number may stay where members come: at the bus and the mesh."""
        return self.limit is None or fd < self.limit - self.spared

    def fits_newcomer(self, fd: int) -> bool:
        """Whether such a connection may stay at a front door: a crowd there is not to keep members from their bus."""
        return self.limit is None or fd < self.limit - 2 * self.spared


class Seldom:
    """A filter for news that comes often: told at once, and then every DESCRIPTORS_TOLD_S for as long as it goes on."""

    def __init__(self) -> None:
        self._told_at: float | None = None

    def due(self, now: float) -> bool:
        """Returns whether this time it is to be told of."""
        if self._told_at is not None and now - self._told_at < DESCRIPTORS_TOLD_S:
            return False
        self._told_at = now
        return True
