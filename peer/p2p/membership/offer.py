"""The offer: gives other members the deeds that they lack, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from sandpiper.common.buckets import Bucket
from sandpiper.common.limits import (
    DEED_LANDMARKS,
    DEED_PAGE,
    DEED_PAGE_BYTES,
    DEEDS_GIVEN_BURST,
    DEEDS_GIVEN_BYTES_S,
    DEEDS_GIVEN_LEAST,
)
from sandpiper.common.p2p.packets import Deeds, Fetch
from sandpiper.peer.p2p.membership.graph import DeedGraph, closure
from sandpiper.peer.p2p.membership.level import PLAIN
from sandpiper.peer.p2p.membership.past import NOTHING, DeedPast, joined, members_beyond, past_of


def landmarks(graph: DeedGraph) -> list[bytes]:
    """Returns deeds that say how much one has: the tips, and older ones at growing distances, for who has not those."""
    nodes = graph.nodes()
    found = dict.fromkeys(graph.tips()[: DEED_LANDMARKS // 2])
    back = 1
    while back <= len(nodes) and len(found) < DEED_LANDMARKS:
        found[nodes[-back].deed.id] = None
        back *= 2
    return list(found)


@dataclass(slots=True)
class _Asker:
    """What a session has asked for: the newest request, and how much it was given."""

    r: int = -1
    given: Bucket = field(default_factory=lambda: Bucket(DEEDS_GIVEN_BYTES_S, DEEDS_GIVEN_BURST))


class DeedOffer:
    """Answers for a graph."""

    def __init__(self, graph: DeedGraph) -> None:
        self._graph = graph
        self._askers: dict[bytes, _Asker] = {}
        self._found = dict.fromkeys((False, True), (0, -1, NOTHING))  # up to which deed, at which revision

    def answer(self, session: bytes, said: Fetch, now: float) -> Deeds | None:
        """Answers a request; None for one that is old, or said again, and for who was given enough for now."""
        asker = self._askers.setdefault(session, _Asker())
        if said.r <= asker.r or asker.given.wait(DEEDS_GIVEN_LEAST, now) > 0.0:
            return None
        asker.r = said.r
        had = closure(self._graph, said.known[:DEED_LANDMARKS])
        before = self._graph.node(said.after)
        first = 0 if before is None else before.at + 1
        raws: list[bytes] = []
        size, last = 0, b""
        for at in members_beyond(self._closure(owners=said.owners), had, first):
            deed = self._graph.nodes()[at].deed
            raw = deed.raw
            if raws and (len(raws) == DEED_PAGE or size + len(raw) > DEED_PAGE_BYTES):
                break
            raws.append(raw)
            size += len(raw)
            last = deed.id
        else:
            last = b""
        asker.given.charge(max(size, DEEDS_GIVEN_LEAST), now)
        return Deeds(said.r, raws, last)

    def _closure(self, *, owners: bool) -> DeedPast:
        """What counts and its past, or what owners' deeds are and were built on; found anew where that has changed."""
        graph, (length, revision, found) = self._graph, self._found[owners]
        if revision != graph.revision:
            length, found = 0, NOTHING
        nodes = graph.nodes()
        for node in islice(nodes, length, None):
            if node.level is not None and (node.level < PLAIN or not owners):
                found = joined(found, past_of([(node.at, node.past)], node.at + 1))
        self._found[owners] = (len(nodes), graph.revision, found)
        return found

    def forget(self, session: bytes) -> None:
        """Gives a session nothing any more: it has gone."""
        self._askers.pop(session, None)
