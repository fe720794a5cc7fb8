"""Intake: how fast deeds are taken in. It delays, and decides nothing: what is over a budget waits at who has it.

Each deed is paid for by the branch that its writer came in by, and what comes by an owner whom the founder named by
his line as well, so that a branch, or an owner, that invents people fills nobody's memory faster than its budget. Who
came in by several branches may use any of them: nobody loses his place by being let in by a flooder as well. And who is
in the room already has a few admissions of his own: a room that wakes up in the morning is not kept waiting.

Owners' deeds have budgets that are none of anybody else's. The founder's have no limit.
"""

from __future__ import annotations

from typing import Final

from sandpiper.common.buckets import Bucket
from sandpiper.common.limits import (
    ALL_BROUGHT_BYTES,
    ALL_BROUGHT_BYTES_H,
    ALL_BROUGHT_DEEDS,
    ALL_BROUGHT_DEEDS_H,
    BRANCH_BELOW_BYTES,
    BRANCH_BELOW_BYTES_H,
    BRANCH_BELOW_DEEDS,
    BRANCH_BELOW_DEEDS_H,
    BRANCH_BYTES,
    BRANCH_BYTES_H,
    BRANCH_DEEDS,
    BRANCH_DEEDS_H,
    BROUGHT_BYTES,
    BROUGHT_BYTES_H,
    BROUGHT_DEEDS,
    BROUGHT_DEEDS_H,
    BROUGHT_FIRST_BYTES,
    BROUGHT_FIRST_BYTES_H,
    BROUGHT_FIRST_DEEDS,
    BROUGHT_FIRST_DEEDS_H,
    OWNER_BROUGHT_BYTES,
    OWNER_BROUGHT_BYTES_H,
    OWNER_BROUGHT_DEEDS,
    OWNER_BROUGHT_DEEDS_H,
    OWNER_BYTES,
    OWNER_BYTES_H,
    OWNER_DEEDS,
    OWNER_DEEDS_H,
    OWNERS_LINE_BYTES,
    OWNERS_LINE_BYTES_H,
    OWNERS_LINE_DEEDS,
    OWNERS_LINE_DEEDS_H,
    RETURN_BYTES,
    RETURN_BYTES_H,
    RETURN_DEEDS,
    RETURN_DEEDS_H,
    TRUSTED_BYTES,
    TRUSTED_DEEDS,
    TRUSTED_OTHER_BYTES,
    TRUSTED_OTHER_DEEDS,
)
from sandpiper.common.p2p.deeds import Admit, Deed
from sandpiper.peer.p2p.membership.branches import Branches
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.level import FOUNDER, PLAIN, Level

_HOUR_S = 3600.0


class DeedBudget:
    """A number of deeds and of octets at once, then so many an hour."""

    __slots__ = ("_deeds", "_octets")

    def __init__(self, deeds: int, deeds_h: int, octets: int, octets_h: int) -> None:
        self._deeds = Bucket(deeds_h / _HOUR_S, deeds)
        self._octets = Bucket(octets_h / _HOUR_S, octets)

    def affords(self, size: int, now: float) -> bool:
        """Whether there is enough for a deed of this size."""
        return self._deeds.wait(1, now) == 0.0 and self._octets.wait(size, now) == 0.0

    def charge(self, size: int, now: float) -> None:
        """Pays for a deed, whatever is there."""
        self._deeds.charge(1, now)
        self._octets.charge(size, now)


_BRANCH: Final = (BRANCH_DEEDS, BRANCH_DEEDS_H, BRANCH_BYTES, BRANCH_BYTES_H)
_BELOW: Final = (BRANCH_BELOW_DEEDS, BRANCH_BELOW_DEEDS_H, BRANCH_BELOW_BYTES, BRANCH_BELOW_BYTES_H)
_OWNER: Final = (OWNER_DEEDS, OWNER_DEEDS_H, OWNER_BYTES, OWNER_BYTES_H)
_LINE: Final = (OWNERS_LINE_DEEDS, OWNERS_LINE_DEEDS_H, OWNERS_LINE_BYTES, OWNERS_LINE_BYTES_H)
_RETURNER: Final = (RETURN_DEEDS, RETURN_DEEDS_H, RETURN_BYTES, RETURN_BYTES_H)
_BRINGER: Final = (BROUGHT_DEEDS, BROUGHT_DEEDS_H, BROUGHT_BYTES, BROUGHT_BYTES_H)
_FIRST: Final = (BROUGHT_FIRST_DEEDS, BROUGHT_FIRST_DEEDS_H, BROUGHT_FIRST_BYTES, BROUGHT_FIRST_BYTES_H)
_ALL_BRINGERS: Final = (ALL_BROUGHT_DEEDS, ALL_BROUGHT_DEEDS_H, ALL_BROUGHT_BYTES, ALL_BROUGHT_BYTES_H)
_OWNER_BRINGER: Final = (OWNER_BROUGHT_DEEDS, OWNER_BROUGHT_DEEDS_H, OWNER_BROUGHT_BYTES, OWNER_BROUGHT_BYTES_H)


class SponsorTrust:
    """What a newcomer takes from its sponsor, once."""

    def __init__(self) -> None:
        self._all = DeedBudget(TRUSTED_DEEDS, 1, TRUSTED_BYTES, 1)
        self._other = DeedBudget(TRUSTED_OTHER_DEEDS, 1, TRUSTED_OTHER_BYTES, 1)

    def pay(self, deed: Deed, level: Level | None, now: float) -> bool:
        """Pays for a deed that counts by this level, or nowhere, if there is enough for it."""
        return _pay([self._all] if level is not None else [self._all, self._other], len(deed.raw), now)


class DeedIntake:
    """Decides whether a deed can be taken in now."""

    def __init__(self, graph: DeedGraph) -> None:
        self._graph = graph
        self._branches = Branches(graph)
        self._budgets: dict[tuple[tuple[int, int, int, int], bytes], DeedBudget] = {}

    def pay(self, deed: Deed, level: Level, now: float) -> bool:
        """Pays for a deed that counts by this level, if there is enough for it."""
        size = len(deed.raw)
        if level < PLAIN:
            return _pay(self._owner_budgets(deed.writer, level), size, now)
        roots = self._branches.roots(deed.writer)
        if any(_pay(self._branch_budgets(deed.writer, root, sponsor), size, now) for root, sponsor in roots):
            return True
        person = deed.said.keys.identity if isinstance(deed.said, Admit) else b""
        return person in self._graph.members and _pay([self._budget(_RETURNER, person)], size, now)

    def bring(self, deed: Deed, bringer: bytes | None, now: float) -> bool:
        """Pays for a deed in the name of the person that brings it, because others were built on it. What a branch
        brings is one budget, whoever of it does, and beyond the first of it one of all plain members. An owner has more
        than these together: what was brought to him comes through to the others, and with it his removals.
        """
        level = self._graph.rank(bringer) if bringer is not None else None
        if bringer is None or level is None:
            return False
        size = len(deed.raw)
        if level < PLAIN:
            return _pay(self._owner_bringer_budgets(bringer, level), size, now)
        root, sponsor = next(iter(self._branches.roots(bringer)), (bringer, FOUNDER))
        branch = [self._budget(_BRINGER, root), *self._line_budgets(sponsor)]
        last = (self._budget(_FIRST, root), self._budget(_ALL_BRINGERS, b""))
        return any(_pay([*branch, each], size, now) for each in last)

    def affords(self, deed: Deed, now: float) -> bool:
        """Whether a deed by somebody who is in the room could be paid for, for all that is known of its writer."""
        level = self._graph.rank(deed.writer)
        if level is None:
            return False
        size = len(deed.raw)
        if level < PLAIN:
            return _affords(self._owner_budgets(deed.writer, level), size, now)
        roots = self._branches.roots(deed.writer)
        return any(_affords(self._branch_budgets(deed.writer, root, sponsor), size, now) for root, sponsor in roots)

    def _budget(self, sizes: tuple[int, int, int, int], name: bytes) -> DeedBudget:
        """Whoever has one is in the graph, so there are no more of them than persons there."""
        budget = self._budgets.get((sizes, name))
        if budget is None:
            budget = self._budgets[sizes, name] = DeedBudget(*sizes)
        return budget

    def _owner_budgets(self, owner: bytes, level: Level) -> list[DeedBudget]:
        if level == FOUNDER:
            return []
        return [self._budget(_OWNER, owner)] if level[0] == 1 else self._line_budgets(level)

    def _owner_bringer_budgets(self, owner: bytes, level: Level) -> list[DeedBudget]:
        """The owners below one whom the founder named share one: they are as many as they like."""
        if level == FOUNDER:
            return []
        return [self._budget(_OWNER_BRINGER, owner if level[0] == 1 else b"below " + level[1][0][1])]

    def _line_budgets(self, level: Level) -> list[DeedBudget]:
        """Of what came by the owner whom the founder named, on the way down to this level."""
        return [] if level == FOUNDER else [self._budget(_LINE, level[1][0][1])]

    def _branch_budgets(self, writer: bytes, root: bytes, sponsor: Level) -> list[DeedBudget]:
        """A part of a branch's is its first person's alone: who let a flooder in lets others in as before."""
        below = [self._budget(_BELOW, root)] if writer != root else []
        return [self._budget(_BRANCH, root), *below, *self._line_budgets(sponsor)]


def _affords(budgets: list[DeedBudget], size: int, now: float) -> bool:
    return all(budget.affords(size, now) for budget in budgets)


def _pay(budgets: list[DeedBudget], size: int, now: float) -> bool:
    """Pays from all of these, or from none."""
    if not _affords(budgets, size, now):
        return False
    for budget in budgets:
        budget.charge(size, now)
    return True
