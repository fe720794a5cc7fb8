"""Late deeds: those of one sender that wait for what they were built on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sandpiper.common.limits import DEEDS_LATE, DEEDS_LATE_BYTES
from sandpiper.common.p2p.deeds import Deed
from sandpiper.peer.p2p.membership.graph import DeedGraph


class LateDeeds:
    """A bounded pool: of too many the oldest is forgotten, and fetched again."""

    def __init__(self) -> None:
        self._deeds: dict[bytes, Deed] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._deeds)

    def __contains__(self, name: bytes) -> bool:
        return name in self._deeds

    def __iter__(self) -> Iterator[Deed]:
        return iter(list(self._deeds.values()))

    def keep(self, deeds: Iterable[Deed]) -> None:
        """Keeps these deeds alone, or the last of them."""
        self._deeds = {deed.id: deed for deed in deeds}
        self._size = sum(len(deed.raw) for deed in self._deeds.values())
        while len(self._deeds) > DEEDS_LATE or self._size > DEEDS_LATE_BYTES:
            self._size -= len(self._deeds.pop(next(iter(self._deeds))).raw)

    def is_moved(self, graph: DeedGraph) -> bool:
        """Whether one of them waits no more: it has come otherwise, or what it was built on has."""
        return any(deed.id in graph or not graph.missing(deed) for deed in self._deeds.values())
