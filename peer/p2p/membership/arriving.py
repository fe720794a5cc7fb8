"""Arriving deeds: which of those that somebody brings are taken into the graph now.

One that counts is paid for by its writer's branch. One that does not count, or whose branch has nothing left, is not
taken in for itself; but what others were built on is, in the name of whoever brings it, for nobody can leave out a
part of a past. What is refused waits at whoever has it, and is offered again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import DEEDS_VERIFIED
from sandpiper.common.p2p.deeds import Deed, genuine, parse
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.intake import DeedIntake
from sandpiper.peer.p2p.membership.late_deeds import LateDeeds


@dataclass(slots=True)
class DeedVerdicts:
    """What became of deeds that were brought. `refused` are those that count and must wait, `false` those that lie."""

    taken: list[Deed] = field(default_factory=list)
    refused: int = 0
    false: int = 0


@dataclass(slots=True)
class Bringer:
    """Who brings deeds. `person` is in the room, or None. Of a `trusted` one everything is taken that counts or that
    others were built on. `owners`: what it brings now it says that owners' deeds were built on.
    """

    person: bytes | None
    late: LateDeeds
    trusted: bool = False
    owners: bool = False


class ArrivingDeeds:
    """Takes deeds into a graph."""

    def __init__(self, graph: DeedGraph) -> None:
        self._graph = graph
        self._intake = DeedIntake(graph)
        self._genuine: dict[bytes, bytes] = {}

    def take(self, raws: Iterable[bytes], bringer: Bringer, now: float) -> DeedVerdicts:
        """Takes in what it may of these and of those of the bringer that waited; the others of which a part of the
        past is missing wait.
        """
        found = DeedVerdicts()
        pending = {deed.id: deed for deed in bringer.late if deed.id not in self._graph}
        for raw in raws:
            deed = self._read(raw)
            if deed is None:
                found.false += 1
            elif deed.id not in self._graph:
                pending[deed.id] = deed
        waiting: dict[bytes, list[Deed]] = defaultdict(list)
        for deed in pending.values():
            for tip in self._graph.missing(deed):
                waiting[tip].append(deed)
        ready = deque(deed for deed in pending.values() if not self._graph.missing(deed))
        while ready:
            deed = ready.popleft()
            del pending[deed.id]
            if not self._accept(deed, bringer, waiting, found, now):
                continue
            self._graph.add(deed)
            self._genuine.pop(deed.id, None)
            found.taken.append(deed)
            ready.extend(each for each in waiting.pop(deed.id, ()) if not self._graph.missing(each))
        bringer.late.keep(pending.values())
        return found

    def _read(self, raw: bytes) -> Deed | None:
        try:
            deed = parse(raw)
        except Refusal:
            return None
        if deed.id in self._graph:  # with which signature does not matter
            return deed
        return deed if deed.room == self._graph.room and deed.tips and self._is_genuine(deed) else None

    def _is_genuine(self, deed: Deed) -> bool:
        """Whether a deed is signed. What was refused is offered again, and is not verified again."""
        if self._genuine.get(deed.id) == deed.signature:
            return True
        if not genuine(deed):
            return False
        self._genuine[deed.id] = deed.signature
        if len(self._genuine) > DEEDS_VERIFIED:
            del self._genuine[next(iter(self._genuine))]
        return True

    def _accept(
        self, deed: Deed, bringer: Bringer, waiting: dict[bytes, list[Deed]], found: DeedVerdicts, now: float
    ) -> bool:
        level = self._graph.judge(deed)
        if bringer.trusted or (level is not None and self._intake.pay(deed, level, now)):
            return True
        needed = bringer.owners or self._is_called_for(deed, waiting, now)
        if needed and self._intake.bring(deed, bringer.person, now):
            return True
        found.refused += level is not None
        return False

    def _is_called_for(self, deed: Deed, waiting: dict[bytes, list[Deed]], now: float) -> bool:
        """Whether a deed was built on it, at one or more removes, that will be taken in as far as can be told."""
        queue, seen = deque([deed.id]), {deed.id}
        while queue:
            for other in waiting.get(queue.popleft(), ()):
                if other.id not in seen:
                    if self._intake.affords(other, now):
                        return True
                    seen.add(other.id)
                    queue.append(other.id)
        return False
