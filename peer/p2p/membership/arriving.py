"""Arriving deeds: which of those that somebody brings are taken into the graph now.

One that counts is paid for by its writer's branch. One that does not count, or whose branch has nothing left, is not
taken in for itself; but what others were built on is, in the name of whoever brings it, for nobody can leave out a
part of a past. What is refused waits at whoever has it, and is offered again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import DEEDS_VERIFIED
from sandpiper.common.p2p.deeds import Deed, genuine, parse
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.intake import DeedIntake, SponsorTrust
from sandpiper.peer.p2p.membership.late_deeds import LateDeeds


@dataclass(slots=True)
class DeedVerdicts:
    """What became of deeds that were brought. `refused` are those that count and must wait, `false` those that lie."""

    taken: list[Deed] = field(default_factory=list)
    refused: int = 0
    false: int = 0


@dataclass(slots=True)
class Bringer:
    """Who brings deeds. `person` is in the room, or None. What somebody `trusted` brings is paid for by that first.
    `owners`: what it brings now it says that owners' deeds were built on.
    """

    person: bytes | None
    late: LateDeeds
    trusted: SponsorTrust | None = None
    owners: bool = False


class _CalledFor:
    """The deeds, of those that are brought at once, on which others were built, at one or more removes, that will be
    taken in as far as can be told. Found at the first question and for all of them together: a sender chooses how many
    there are, and how they hang together.
    """

    def __init__(
        self, intake: DeedIntake, pending: Mapping[bytes, Deed], lacking: Mapping[bytes, Iterable[bytes]], now: float
    ) -> None:
        self._intake = intake
        self._waiting = [(pending[name], tuple(tips)) for name, tips in lacking.items() if tips]
        self._now = now
        self._names: set[bytes] | None = None

    def __contains__(self, name: bytes) -> bool:
        if self._names is None:
            self._names = self._find()
        return name in self._names

    def _find(self) -> set[bytes]:
        lacking = {deed.id: tips for deed, tips in self._waiting}
        found: set[bytes] = set()
        queue = deque(deed.id for deed, _ in self._waiting if self._intake.affords(deed, self._now))
        while queue:
            for tip in lacking.get(queue.popleft(), ()):
                if tip not in found:
                    found.add(tip)
                    queue.append(tip)
        return found


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
        lacking = {deed.id: set(self._graph.missing(deed)) for deed in pending.values()}
        waiting: dict[bytes, list[Deed]] = defaultdict(list)
        for name, tips in lacking.items():
            for tip in tips:
                waiting[tip].append(pending[name])
        called_for = _CalledFor(self._intake, pending, lacking, now)
        ready = deque(deed for deed in pending.values() if not lacking[deed.id])
        while ready:
            deed = ready.popleft()
            del pending[deed.id]
            if not self._accept(deed, bringer, called_for, found, now):
                continue
            self._graph.add(deed)
            self._genuine.pop(deed.id, None)
            found.taken.append(deed)
            for each in waiting.pop(deed.id, ()):
                lacking[each.id].discard(deed.id)
                if not lacking[each.id]:
                    ready.append(each)
        bringer.late.keep((deed, next(iter(lacking[deed.id]))) for deed in pending.values())
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

    def _accept(self, deed: Deed, bringer: Bringer, called_for: _CalledFor, found: DeedVerdicts, now: float) -> bool:
        level = self._graph.judge(deed)
        if bringer.trusted is not None and bringer.trusted.pay(deed, level, now):
            return True
        if level is not None and self._intake.pay(deed, level, now):
            return True
        needed = bringer.owners or deed.id in called_for
        if needed and self._intake.bring(deed, bringer.person, now):
            return True
        found.refused += level is not None
        return False
