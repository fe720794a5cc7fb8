"""Branches: whom somebody let in, and they. A branch begins with whoever was let in by an owner.

What follows here limits honest members and delays dishonest ones; nothing that counts depends on it.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator

from sandpiper.common.limits import BRANCH_SOUGHT
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.level import FOUNDER, PLAIN, Level


class Branches:
    """Answers for a graph."""

    def __init__(self, graph: DeedGraph) -> None:
        self._graph = graph
        self._asked = (0, -1)
        self._root: dict[bytes, bytes] = {}
        self._depth: dict[bytes, int] = {}
        self._roots: dict[bytes, list[tuple[bytes, Level]]] = {}
        self._sought = (0, -1)

    def roots(self, person: bytes) -> list[tuple[bytes, Level]]:
        """Returns the branches that a person came in by, the nearest first, each with the level of the owner who let
        its first person in. One that somebody else let in too may be of several.
        """
        sought = (len(self._graph), self._graph.revision)
        if sought != self._sought:
            self._sought, self._roots = sought, {}
        if person not in self._roots:
            self._roots[person] = list(self._seek_roots(person))
        return self._roots[person]

    def _seek_roots(self, person: bytes) -> Iterator[tuple[bytes, Level]]:
        queue, seen = deque([person]), {person}
        for _ in range(BRANCH_SOUGHT):
            if not queue:
                return
            person = queue.popleft()
            level = self._let_in_by_owner(person)
            if level is not None:
                yield person, level
                continue
            for grant in self._graph.grants(person):
                if grant.level is not None and grant.deed.writer not in seen:
                    seen.add(grant.deed.writer)
                    queue.append(grant.deed.writer)

    def _let_in_by_owner(self, person: bytes) -> Level | None:
        if person == self._graph.founder:
            return FOUNDER
        levels = (grant.level for grant in self._graph.grants(person))
        return min((level for level in levels if level is not None and level < PLAIN), default=None)

    def _follow(self) -> None:
        """Finds for each person the nearest branch and how far it is from the owner, from the owners down."""
        asked = (len(self._graph), self._graph.revision)
        if asked == self._asked:
            return
        self._asked = asked
        let_in = self._let_in()
        firsts = sorted(person for person in self._graph.people if self._let_in_by_owner(person) is not None)
        self._root, self._depth = {person: person for person in firsts}, dict.fromkeys(firsts, 0)
        queue = deque(firsts)
        while queue:
            person = queue.popleft()
            for other in let_in[person]:
                if other not in self._root:
                    self._root[other], self._depth[other] = self._root[person], self._depth[person] + 1
                    queue.append(other)

    def _let_in(self) -> dict[bytes, list[bytes]]:
        """Whom each person has let in, by deeds that count."""
        found: dict[bytes, list[bytes]] = defaultdict(list)
        for person in self._graph.people:
            for writer in sorted(
                {grant.deed.writer for grant in self._graph.grants(person) if grant.level is not None}
            ):
                found[writer].append(person)
        return found

    def depth(self, person: bytes) -> int:
        """Returns by how many plain members' hands a person came in: 0 for whom an owner let in."""
        self._follow()
        return self._depth.get(person, 0)

    def is_full(self, capacity: int, persons: Iterable[bytes], sponsor: bytes = b"") -> bool:
        """Whether there is no room for another of these persons, for a sponsor who is about to let one in.

        Of each branch a quarter of the room counts, so that no other one fills it; but the sponsor's own counts whole.
        An honest member asks before it lets somebody in; who is let in all the same is in.
        """
        self._follow()
        sizes = Counter(self._root.get(person, person) for person in persons)
        own, most = self._root.get(sponsor, sponsor), max(1, capacity // 4)
        return sum(size if root == own else min(size, most) for root, size in sizes.items()) >= capacity

    def only_by(self, person: bytes) -> set[bytes]:
        """Returns the members that came in by a person alone, by those it let in, and so on."""
        let_in = self._let_in()
        queue = deque([self._graph.founder])
        seen = {person, self._graph.founder}
        while queue:
            for other in let_in[queue.popleft()]:
                if other not in seen:
                    seen.add(other)
                    queue.append(other)
        return set(self._graph.members) - seen
