"""What the graph keeps of a deed, and of a person."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandpiper.common.p2p.deeds import Deed
from sandpiper.peer.p2p.membership.level import Level
from sandpiper.peer.p2p.membership.past import DeedPast


@dataclass(slots=True, eq=False)
class DeedNode:
    """A deed here: its number, what it knew, and the level by which it counts; None: not at all."""

    at: int
    deed: Deed
    past: DeedPast
    level: Level | None = None

    def knows(self, other: DeedNode) -> bool:
        """Whether another deed is in its past."""
        return other.at in self.past


@dataclass(slots=True)
class PersonRecord:
    """All deeds that a person has written or that are about it, whether they count or not, as they came in.

    `admits` let it in as a plain member, and nothing else; `places` name it, let it in again, or found the room.
    `ender` is the removal that last ended a grant. `spared` are the deeds that every counting removal of it knew; None:
    nothing has removed it, or it is to be asked. `stamp` grows when what it is in the room by may have changed.
    """

    name: bytes = b""
    works: list[DeedNode] = field(default_factory=list)
    admits: list[DeedNode] = field(default_factory=list)
    places: list[DeedNode] = field(default_factory=list)
    removals: list[DeedNode] = field(default_factory=list)
    spared: DeedPast | None = None
    asked: bool = False
    rank: Level | None = None
    ender: DeedNode | None = None
    stamp: int = 0
