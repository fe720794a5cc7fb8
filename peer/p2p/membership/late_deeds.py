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
        self._lacks: dict[bytes, bytes] = {}  # for each a deed that it was built on and that is not here
        self._sizes: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._deeds)

    def __contains__(self, name: bytes) -> bool:
        return name in self._deeds

    def __iter__(self) -> Iterator[Deed]:
        return iter(list(self._deeds.values()))

    def keep(self, deeds: Iterable[tuple[Deed, bytes]]) -> None:
        """Keeps these deeds alone, or the last of them; each comes with a deed that it lacks."""
        sizes, self._deeds, self._lacks, self._sizes = self._sizes, {}, {}, {}
        for deed, lacks in deeds:
            self._deeds[deed.id], self._lacks[deed.id] = deed, lacks
            self._sizes[deed.id] = sizes.get(deed.id) or len(deed.raw)
        size = sum(self._sizes.values())
        while len(self._deeds) > DEEDS_LATE or size > DEEDS_LATE_BYTES:
            oldest = next(iter(self._deeds))
            del self._deeds[oldest], self._lacks[oldest]
            size -= self._sizes.pop(oldest)

    def is_moved(self, graph: DeedGraph) -> bool:
        """Whether one of them may wait no more: it has come otherwise, or what it was seen to lack has."""
        return any(name in graph or lacks in graph for name, lacks in self._lacks.items())
