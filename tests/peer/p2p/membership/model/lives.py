"""Lives: random rooms of honest persons and liars. The honest have a view each, into which deeds come late and in any
order; the liars write on whatever part of the past they like. Who comes to know which secret is followed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sandpiper.common.p2p.deeds import Deed, Rekey
from sandpiper.peer.p2p.membership.level import PLAIN
from tests.peer.p2p.membership.model.laws import Broken, check_oracle, check_world
from tests.peer.p2p.membership.model.small_worlds import Rules
from tests.peer.p2p.membership.model.world import (
    ADMIT,
    NOTE,
    OWN,
    READMIT,
    REKEY,
    ROOT,
    answers,
    deed,
    letters,
    person,
    room_of,
)

HONEST: Final = ("F", "O", "P", "Q", "R")
LIARS: Final = ("A", "B", "S")


@dataclass(frozen=True)
class Told:
    """How a life ended, for the figures."""

    waiting: int
    due: bool
    heads: int
    deeds: int


class View:
    """What one person has: deeds whose past is here are in the graph, others wait."""

    def __init__(self, rules: Rules) -> None:
        self.graph = rules.graph(ROOT)
        self.key = rules.key(self.graph)
        self._late: list[Deed] = []

    def take(self, deeds: Iterable[Deed]) -> None:
        self._late += [each for each in deeds if each.id not in self.graph]
        grown = True
        while grown:
            grown = False
            for each in list(self._late):
                if not self.graph.missing(each):
                    self._late.remove(each)
                    self.graph.add(each)
                    grown = True

    def tips(self) -> list[Deed]:
        return [node.deed for tip in self.graph.tips() if (node := self.graph.node(tip))]

    def heads(self) -> set[bytes]:
        return {head.deed.id for head in self.key.heads()}


@dataclass
class Life:
    """A room's life. Raises Broken."""

    rules: Rules
    seed: int
    steps: int = 40
    every: list[Deed] = field(default_factory=lambda: [ROOT])

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.views = {each: View(self.rules) for each in HONEST}
        self.whole = View(self.rules)
        self.secrets: dict[str, set[bytes]] = {each: set() for each in (*HONEST, *LIARS)}
        self.secrets["F"].add(ROOT.id)

    def live(self) -> Told:
        self._open()
        for _ in range(self.steps):
            for view in self.views.values():
                view.take(each for each in self.every if self.random.random() < 0.2)
            who = self.random.choice((*HONEST, *LIARS))
            if who in LIARS:
                self._lie(who)
            else:
                self._act(who)
        return self._end()

    def _open(self) -> None:
        """Lets some in; in some lives two owners remove at once, or there are three of them."""
        self._admit(OWN, "F", "O", 1)
        for each in ("P", "A", "B", "Q"):
            self._admit(ADMIT, "F", each)
        if self.seed % 4 == 0:
            self.views["O"].take(self.every)
            for who, other in (("F", "A"), ("O", "B")):
                self._rekey(who, (other,))
        if self.seed % 2:
            self.views["O"].take(self.every)
            self._admit(OWN, "O", "P", 1)

    def _write(self, made: Deed, view: View | None = None) -> None:
        if made.id in self.whole.graph:
            return
        self.every.append(made)
        self.whole.take([made])
        if view is not None:
            view.take([made])
        if isinstance(made.said, Rekey):
            for each in {made.writer, *made.said.names}:
                self.secrets[letters(each)].add(made.id)

    def _admit(self, kind: str, who: str, other: str, number: int = 0) -> None:
        """Lets somebody in, and gives what one has of the key's secrets."""
        view = self.views[who]
        heads = view.heads()
        self._write(deed(kind, who, view.tips(), other, number=number), view)
        self.secrets[other] |= self.secrets[who] & heads
        if other in self.views:
            self.views[other].take(node.deed for node in view.graph.nodes())

    def _rekey(self, who: str, out: tuple[str, ...]) -> None:
        view = self.views[who]
        stay = set(view.graph.members) - view.key.waiting() - {person(each) for each in out}
        self._write(deed(REKEY, who, view.tips(), out, names=[letters(each) for each in stay]), view)

    def _lie(self, who: str) -> None:
        nodes = self.whole.graph.nodes()
        drawn = self.random.sample(nodes, min(3, len(nodes)))
        tips = [node.deed for node in drawn if not any(other.knows(node) for other in drawn)]
        other = self.random.choice((*HONEST[1:], *LIARS))
        kind = self.random.choice((ADMIT, ADMIT, OWN, REKEY, READMIT, NOTE))
        self._write(deed(kind, who, tips, () if kind == NOTE else other))
        if kind == ADMIT and other in LIARS:
            self.secrets[other] |= self.secrets[who]  # they share all they have

    def _act(self, who: str) -> None:
        view, act = self.views[who], self.random.random()
        rank = view.graph.rank(person(who))
        other = self.random.choice([each for each in (*HONEST[1:], *LIARS) if each != who])
        theirs = view.graph.rank(person(other))
        if rank is None:
            return
        removed = view.graph.is_removed(person(other))
        if rank < PLAIN and act < 0.35 and theirs is not None and theirs > rank:
            self._rekey(who, (other,))
        elif rank < PLAIN and act < 0.45 and view.key.is_due():
            self._rekey(who, ())
        elif rank < PLAIN and act < 0.6 and removed:
            levels = [each.level for each in view.graph.removals(person(other))]
            if all(level is not None and rank <= level for level in levels):
                self._admit(READMIT, who, other)
        elif person(who) not in view.key.waiting() and (
            (theirs is None and not removed) or person(other) in view.key.waiting()
        ):
            self._admit(ADMIT, who, other)

    # The end -----------------------------------------------------------------------------------------------

    def _end(self) -> Told:
        """Tells everybody everything, in any order, and compares."""
        said = answers(self.whole.graph, self.whole.key)
        for view in self.views.values():
            view.take(self.random.sample(self.every, len(self.every)))
            if answers(view.graph, view.key) != said:
                raise Broken("order: honest members who know the same do not say the same")
        self._check_anew(said)
        check_world(self.whole.graph, self.whole.key)
        if self.rules.compared:
            check_oracle(self.whole.graph)
        self._check_secrets()
        return Told(len(self.whole.key.waiting()), self.whole.key.is_due(), len(self.whole.heads()), len(self.every))

    def _check_anew(self, said: tuple[object, ...]) -> None:
        """What was kept on the way is what would be found at once."""
        graph = room_of([node.deed for node in self.whole.graph.nodes()], self.rules.graph)
        if answers(graph, self.rules.key(graph)) != said:
            raise Broken("order: what was asked on the way changes what is answered")

    def _check_secrets(self) -> None:
        graph, key, heads = self.whole.graph, self.whole.key, self.whole.heads()
        members = {letters(each) for each in graph.members}
        waiting = {letters(each) for each in key.waiting()}
        for who in members - waiting:
            for head in key.heads():
                self._check_given_knowingly(who, head.deed)
        helpers = [self.secrets[each] for each in HONEST if each in members and each not in waiting]
        for who in sorted(members & set(HONEST) - waiting):
            if heads <= self.secrets[who]:
                continue  # else it asks
            if not all(any(head in each for each in helpers) for head in heads):
                raise Broken("key: a member lacks it, is not said to wait, and nobody here can give it")
        if not key.is_due():
            self._check_nobody_out_has_it(members, heads)

    def _check_given_knowingly(self, who: str, made: Deed) -> None:
        names = made.said.names if isinstance(made.said, Rekey) else []
        if person(who) == made.writer or person(who) in names:
            return
        node = self.whole.graph.node(made.id)
        standing = self.whole.graph.standing(person(who))
        if node is None or not any(each.knows(node) and each.deed.writer != person(who) for each in standing):
            raise Broken("key: one who came in by the old key is to be given the new one")

    def _check_nobody_out_has_it(self, members: set[str], heads: set[bytes]) -> None:
        out = [each for each in (*HONEST, *LIARS) if self.whole.graph.grants(person(each)) and each not in members]
        gang = [each for each in out if each in LIARS] if not members & set(LIARS) else []
        for group in [*([each] for each in out if each in HONEST), gang]:
            if group and heads <= set().union(*(self.secrets[each] for each in group)):
                raise Broken("key: those who are out have it, and it is not said that a new one is due")
