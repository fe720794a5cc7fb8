"""A second implementation of the rules, from the seniors down, over sets: slow and straightforward."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from sandpiper.common.p2p.deeds import Admit, Deed, Found, Note, Own, Readmit, Rekey, persons
from sandpiper.peer.p2p.membership.level import FOUNDER, PLAIN, Level


class Oracle:
    """Says of a set of deeds how each counts, and who is in the room."""

    def __init__(self, deeds: Sequence[Deed]) -> None:
        self._deeds = deeds
        self._past: dict[bytes, frozenset[bytes]] = {}
        by_id = {each.id: each for each in deeds}
        for each in deeds:
            self._find_past(each, by_id)
        self.level: dict[bytes, Level] = {}
        self._judge_owners()
        self._judge_plain()

    def _find_past(self, deed: Deed, by_id: dict[bytes, Deed]) -> frozenset[bytes]:
        if deed.id not in self._past:
            pasts = [self._find_past(by_id[tip], by_id) | {tip} for tip in deed.tips]
            self._past[deed.id] = frozenset().union(*pasts)
        return self._past[deed.id]

    def _judge_owners(self) -> None:
        """The most senior place first: whatever could end it has been judged by then."""
        root = next(each for each in self._deeds if isinstance(each.said, Found))
        places: list[tuple[Level, bytes, bytes]] = [(FOUNDER, root.writer, root.id)]
        while places:
            place, owner, grant = heappop(places)
            for each in self._deeds:
                if each.writer != owner or each.id in self.level or not (each is root or grant in self._past[each.id]):
                    continue
                if self._is_ended(owner, grant, place, each.id):
                    continue
                self.level[each.id] = place
                if isinstance(each.said, Own):
                    below = (place[0] + 1, (*place[1], (each.said.number, each.id)))
                    heappush(places, (below, each.said.person, each.id))

    def _judge_plain(self) -> None:
        for each in sorted(self._deeds, key=lambda deed: len(self._past[deed.id])):
            if each.id in self.level or not isinstance(each.said, (Admit, Note)):
                continue
            for grant in self._deeds:
                if grant.id not in self._past[each.id] or grant.id not in self.level:
                    continue
                lets_in = isinstance(grant.said, (Admit, Readmit)) and each.writer in persons(grant.said)
                if lets_in and not self._is_ended(each.writer, grant.id, PLAIN, each.id):
                    self.level[each.id] = PLAIN

    def _is_ended(self, person: bytes, grant: bytes, given: Level, work: bytes | None) -> bool:
        for each in self._deeds:
            if not isinstance(each.said, Rekey) or person not in each.said.out:
                continue
            level = self.level.get(each.id)
            if level is None or level >= given or work in self._past[each.id]:
                continue
            if not self._is_forgiven(grant, each.id):
                return True
        return False

    def _is_forgiven(self, grant: bytes, removal: bytes) -> bool:
        said = next(each.said for each in self._deeds if each.id == grant)
        if not isinstance(said, (Own, Readmit)) or removal not in self._past[grant]:
            return False
        return self.level[grant] <= self.level[removal]

    def members(self) -> dict[bytes, Level]:
        found: dict[bytes, Level] = {}
        for each in self._deeds:
            level = self.level.get(each.id)
            if level is None or isinstance(each.said, (Rekey, Note)):
                continue
            given = PLAIN
            if isinstance(each.said, Found):
                given = FOUNDER
            elif isinstance(each.said, Own):
                given = (level[0] + 1, (*level[1], (each.said.number, each.id)))
            about = (each.writer,) if isinstance(each.said, Found) else persons(each.said)
            for person in about:
                if given < found.get(person, (PLAIN[0] + 1, ())) and not self._is_ended(person, each.id, given, None):
                    found[person] = given
        return found
