"""Small worlds, all of them: everybody may do anything (fork, name old tips, withhold, name himself), so every choice
of who is dishonest is among them. Each path from the founding is an order of arrival; each last deed of each world
arrives last once, and what it changes then is what is promised, or not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sandpiper.common.p2p.deeds import Deed
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.room_key import RoomKey
from tests.peer.p2p.membership.model.laws import Broken, check_arrival, check_oracle, check_world, heads_of
from tests.peer.p2p.membership.model.world import (
    ADMIT,
    NOTE,
    OWN,
    READMIT,
    REKEY,
    ROOT,
    answers,
    deed,
    node_of,
    person,
    room_of,
)


def _line(*steps: tuple[str, str, str, int]) -> list[Deed]:
    """Returns deeds each of which knows all before. A new key is for the founder and A."""
    deeds = [ROOT]
    for kind, writer, about, number in steps:
        names = "FA" if kind == REKEY else ""
        deeds.append(deed(kind, writer, deeds[-1:], about, number=number, names=names))
    return deeds


OPENINGS: Final[dict[str, tuple[str, list[Deed]]]] = {
    "nothing yet": ("FAB", _line()),
    "a plain member let another in": ("FABC", _line((ADMIT, "F", "A", 0), (ADMIT, "A", "B", 0))),
    "an owner, and two in a row by it": ("FABC", _line((OWN, "F", "A", 1), (ADMIT, "A", "B", 0), (ADMIT, "B", "C", 0))),
    "two owners": ("FABC", _line((OWN, "F", "A", 1), (OWN, "F", "B", 2), (ADMIT, "A", "C", 0))),
    "an owner below an owner": ("FABC", _line((OWN, "F", "A", 1), (OWN, "A", "B", 1), (ADMIT, "B", "C", 0))),
    "one is let in before a key, and after it": (
        "FABC",
        _line(
            (OWN, "F", "A", 1), (ADMIT, "F", "B", 0), (REKEY, "F", "", 0), (ADMIT, "A", "B", 0), (ADMIT, "B", "C", 0)
        ),
    ),
    "one is removed": ("FABC", _line((OWN, "F", "A", 1), (ADMIT, "A", "B", 0), (REKEY, "F", "B", 0))),
}


@dataclass(frozen=True)
class Rules:
    """What is under test: the real rules, or a broken one."""

    graph: type[DeedGraph] = DeedGraph
    key: type[RoomKey] = RoomKey
    compared: bool = True  # with the oracle; a broken rule is to be caught by what it breaks


@dataclass(slots=True)
class _World:
    """A world on one way to it. `closed` are the sets of deeds that somebody could have known, as bits."""

    deeds: tuple[Deed, ...]
    graph: DeedGraph
    key: RoomKey
    closed: frozenset[int]
    left: set[tuple[bytes, ...]]


@dataclass(slots=True)
class Walk:
    """Walks through the worlds of up to `depth` deeds after an opening: all of them, or from each `width` steps on,
    drawn by `seed`; then each world is also built in another order.

    In a `wild` one there are also deeds that can never count, and notes.
    """

    rules: Rules = field(default_factory=Rules)
    depth: int = 2
    width: int = 0
    seed: int = 1
    worlds: dict[int, int] = field(default_factory=dict)
    arrivals: int = 0
    wild: bool = False
    _random: random.Random = field(default_factory=random.Random)

    def through(self, opening: str) -> Walk:
        """Walks on from an opening. Raises Broken."""
        people, deeds = OPENINGS[opening]
        self._random.seed(self.seed)
        graph = room_of((), self.rules.graph)
        world = _World((ROOT,), graph, self.rules.key(graph), frozenset({1}), set())
        for each in deeds[1:]:
            world = self._step(world, each)
        self._go(world, people, self.depth)
        return self

    def _step(self, world: _World, last: Deed) -> _World:
        deeds = (*world.deeds, last)
        graph = room_of(world.deeds, self.rules.graph)
        key = self.rules.key(graph)
        key.waiting()  # what it keeps from before is to be right after the last deed too
        graph.add(last)
        check_arrival(world.graph, graph, last, world.left)
        node = node_of(graph, last)
        past = sum(1 << at for at in range(node.at) if at in node.past)
        bit = 1 << node.at
        wider = world.closed | {part | bit for part in world.closed if part & past == past}
        return _World(deeds, graph, key, wider, world.left | {heads_of(world.key)})

    def _go(self, world: _World, people: str, depth: int) -> None:
        steps = [
            each
            for each in moves(world.graph, world.deeds, people, sorted(world.closed), wild=self.wild)
            if each.id not in world.graph
        ]
        for each in self._random.sample(steps, min(self.width, len(steps))) if self.width else steps:
            self.arrivals += 1
            new = self._step(world, each)
            name = hash(frozenset(one.id for one in new.deeds))
            said = hash(answers(new.graph, new.key))
            if name in self.worlds:
                if self.worlds[name] != said:
                    raise Broken("order: the same deeds mean two things")
                continue
            self.worlds[name] = said
            check_world(new.graph, new.key)
            if self.width:
                self._check_another_order(new)
            if self.rules.compared:
                check_oracle(new.graph)
            if depth > 1:
                self._go(new, people, depth - 1)

    def _check_another_order(self, world: _World) -> None:
        graph = room_of((), self.rules.graph)
        key = self.rules.key(graph)
        left = list(world.deeds[1:])
        while left:
            ready = [each for each in left if not graph.missing(each)]
            graph.add(ready[self._random.randrange(len(ready))])
            left = [each for each in left if each.id not in graph]
            key.waiting()
        if answers(graph, key) != answers(world.graph, world.key):
            raise Broken("order: the same deeds mean two things")


def moves(graph: DeedGraph, deeds: Sequence[Deed], people: str, closed: Sequence[int], *, wild: bool) -> Iterator[Deed]:
    """Returns every deed that anybody could write on any closed part of what there is; if not `wild`, that could ever
    count.
    """
    for part in closed:
        nodes = [node for node in graph.nodes() if part >> node.at & 1]
        tips = [node.deed for node in nodes if not any(other.knows(node) for other in nodes)]
        for writer in people:
            let_in = {grant.at for grant in graph.grants(person(writer))}
            if not any(part >> at & 1 for at in let_in):
                continue
            yield from _moves_of(graph, writer, tips, people, wild=wild)


def _moves_of(graph: DeedGraph, writer: str, tips: list[Deed], people: str, *, wild: bool) -> Iterator[Deed]:
    owner = wild or writer == "F" or bool(graph.people[person(writer)].places)
    if wild:
        yield deed(NOTE, writer, tips)
    for other in people[1:]:
        yield deed(ADMIT, writer, tips, other)
        if owner:
            yield deed(OWN, writer, tips, other)
            yield deed(REKEY, writer, tips, other, names=people.replace(other, ""))
            if graph.people[person(other)].removals:  # else it means no more than an admission
                yield deed(READMIT, writer, tips, other)
