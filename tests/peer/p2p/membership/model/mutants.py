"""Broken rules, each of which must be caught: so that the laws are known to be able to fail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sandpiper.common.p2p.deeds import Admit, Deed, Found, Note, Own, Readmit, Rekey
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.level import FOUNDER, PLAIN, Level
from sandpiper.peer.p2p.membership.node import DeedNode, PersonRecord
from sandpiper.peer.p2p.membership.room_key import RoomKey, SecretHolders
from tests.peer.p2p.membership.model.small_worlds import Rules

_JUDGINGS: Final = 20_000
"""More than any world of the model takes: a broken rule that never comes to an end is caught too."""


class BrokenGraph(DeedGraph):
    """A graph that gives up."""

    def __init__(self, founding: Deed) -> None:
        self._judgings = 0
        super().__init__(founding)

    def _judge(self, node: DeedNode) -> Level | None:
        self._judgings += 1
        if self._judgings > _JUDGINGS:
            raise RecursionError("order: no end to judging")
        return super()._judge(node)


class NothingIsJudgedAgain(BrokenGraph):
    """What was accepted stays accepted: what counts depends on the order of arrival."""

    def _put_out(self, removal: DeedNode, about: Iterable[bytes]) -> None:
        for person in about:
            self.people[person].asked = False
            self._rank_anew(person)


class OnlyTheRemovedAreJudgedAgain(BrokenGraph):
    """A removal reaches whom it names, but not what hangs on them."""

    def _settle(self, touched: Iterable[bytes]) -> None:
        pass


class AnythingForgives(BrokenGraph):
    """Any later letting in undoes a removal."""

    def forgives(self, grant: DeedNode, removal: DeedNode) -> bool:
        return not isinstance(grant.deed.said, Found) and grant.knows(removal)

    def _is_spared(self, person: PersonRecord, work: DeedNode | None) -> bool:
        admits = [each for each in person.admits if each.level is not None]
        removals = [each for each in person.removals if each.level is not None]
        return all(any(each.knows(removal) for each in admits) for removal in removals)


class ForgivenUnheard(BrokenGraph):
    """An owner's letting in need not know of the removal."""

    def forgives(self, grant: DeedNode, removal: DeedNode) -> bool:
        if not isinstance(grant.deed.said, (Own, Readmit)) or grant.level is None or removal.level is None:
            return False
        return grant.level <= removal.level


class JuniorsForgive(BrokenGraph):
    """Any owner undoes any owner's removal."""

    def forgives(self, grant: DeedNode, removal: DeedNode) -> bool:
        return isinstance(grant.deed.said, (Own, Readmit)) and grant.knows(removal)


class AdmissionsForgive(BrokenGraph):
    """An owner's admission lets a removed one in again as his readmission does."""

    def _is_spared(self, person: PersonRecord, work: DeedNode | None) -> bool:
        if super()._is_spared(person, work):
            return True
        senior = [each for each in person.admits if each.level is not None and each.level < PLAIN]
        return any(all(each.knows(removal) for removal in person.removals) for each in senior)


class AnyOwnerRemovesAny(BrokenGraph):
    """Seniority protects nobody but the founder."""

    def _ended(self, person: PersonRecord, grant: DeedNode, given: Level, work: DeedNode | None) -> bool:
        return any(
            removal.level is not None
            and not isinstance(grant.deed.said, Found)
            and not (work is not None and removal.knows(work))
            and not self.forgives(grant, removal)
            for removal in person.removals
        )


class OldDatesCount(BrokenGraph):
    """A removal ends the membership, but not what is written later with an old date."""

    def _ended(self, person: PersonRecord, grant: DeedNode, given: Level, work: DeedNode | None) -> bool:
        if work is None:
            return super()._ended(person, grant, given, work)
        return any(
            removal.level is not None
            and removal.level < given
            and work.knows(removal)
            and not self.forgives(grant, removal)
            for removal in person.removals
        )

    def _is_spared(self, person: PersonRecord, work: DeedNode | None) -> bool:
        removals = [each for each in person.removals if each.level is not None]
        return not any(work is None or work.knows(each) for each in removals)


class WholePastVoid(BrokenGraph):
    """A removal voids also what it knew of the removed one's deeds."""

    def _is_spared(self, person: PersonRecord, work: DeedNode | None) -> bool:
        return super()._is_spared(person, None)


class SparedByOne(BrokenGraph):
    """A deed counts that one of several removals knew."""

    def _is_spared(self, person: PersonRecord, work: DeedNode | None) -> bool:
        removals = [each for each in person.removals if each.level is not None]
        return not removals or (work is not None and any(each.knows(work) for each in removals))


class PlainMembersRemove(BrokenGraph):
    """A plain member takes back his own admission."""

    def _is_spared(self, person: PersonRecord, work: DeedNode | None) -> bool:
        writers = [each.deed.writer for each in person.admits if each.level is not None]
        return super()._is_spared(person, work) and len(writers) == len(set(writers))


class AdmittedByOneself(BrokenGraph):
    """Who signs an admission of himself is in."""

    def _judge(self, node: DeedNode) -> Level | None:
        said, found = node.deed.said, super()._judge(node)
        own = isinstance(said, Admit) and said.keys.identity == node.deed.writer
        return PLAIN if found is None and own else found


class RightsBeforeTheGrant(BrokenGraph):
    """A right need not be in the past of what is done by it."""

    def _judge(self, node: DeedNode) -> Level | None:
        found = super()._judge(node)
        person = self.people.get(node.deed.writer)
        if found is None and person is not None and isinstance(node.deed.said, (Admit, Note)):
            known = [each for each in person.admits if each.level is not None]
            return PLAIN if known and self._is_spared(person, node) else None
        return found


class PlainMembersName(BrokenGraph):
    """A plain member names owners, too."""

    def _judge(self, node: DeedNode) -> Level | None:
        found = super()._judge(node)
        person = self.people.get(node.deed.writer)
        if found is None and person is not None and isinstance(node.deed.said, Own) and self._is_spared(person, node):
            return next((PLAIN for each in person.admits if each.level is not None and node.knows(each)), None)
        return found


class SeniorByHash(BrokenGraph):
    """Who of the owners is senior follows from a hash."""

    def gives(self, grant: DeedNode) -> Level | None:
        given = super().gives(grant)
        return given if given in (None, FOUNDER, PLAIN) else (1, ((0, grant.deed.id),))


class SeniorByCount(BrokenGraph):
    """An owner's place is how manieth his namer named."""

    def gives(self, grant: DeedNode) -> Level | None:
        given = super().gives(grant)
        if given is None or given in (FOUNDER, PLAIN):
            return given
        works = self.people[grant.deed.writer].works
        mine = sorted((each for each in works if isinstance(each.deed.said, Own)), key=_age)
        return given[0], (*given[1][:-1], (mine.index(grant), b""))


class OwnersRemoveThemselves(BrokenGraph):
    """An owner may remove himself, and so with an old date what he did."""

    def _ended(self, person: PersonRecord, grant: DeedNode, given: Level, work: DeedNode | None) -> bool:
        return super()._ended(person, grant, given, work) or any(
            each.level == given and not (work is not None and each.knows(work)) for each in person.removals
        )


class BystandersGo(BrokenGraph):
    """With a removal go those whom its writer had let in."""

    def _judge(self, node: DeedNode) -> Level | None:
        found = super()._judge(node)
        gone = isinstance(node.deed.said, Admit) and any(
            each.level is not None and isinstance(each.deed.said, Rekey) and each.deed.said.out and not each.knows(node)
            for each in self.people[node.deed.writer].works
        )
        return None if gone else found

    def _put_out(self, removal: DeedNode, about: Iterable[bytes]) -> None:
        super()._put_out(removal, about)
        self._settle(list(self.people))


class LateAdmissionsVoid(BrokenGraph):
    """An admission that did not know of a new key, nor it of the admission, does not count."""

    def _judge(self, node: DeedNode) -> Level | None:
        found = super()._judge(node)
        apart = isinstance(node.deed.said, Admit) and any(
            each.level is not None and not each.knows(node) and not node.knows(each) for each in self.rekeys
        )
        return None if apart else found

    def _put_out(self, removal: DeedNode, about: Iterable[bytes]) -> None:
        super()._put_out(removal, about)
        self._settle(list(self.people))


class TwoEach(BrokenGraph):
    """Of a plain member's admissions the first two count."""

    def _judge(self, node: DeedNode) -> Level | None:
        found = super()._judge(node)
        if found != PLAIN or not isinstance(node.deed.said, Admit):
            return found
        works = [each for each in self.people[node.deed.writer].works if isinstance(each.deed.said, Admit)]
        mine = sorted({*works, node}, key=_age)
        return found if mine.index(node) < 2 else None


class UnknownTips(BrokenGraph):
    """Tips are kept as they were when what they are of counted."""

    def tips(self) -> list[bytes]:
        self._tips = self._tips if self._tips is not None else 1
        return super().tips()


class LowestHashIsCurrent(RoomKey):
    """Of several new keys the one with the lowest hash is current."""

    def heads(self) -> list[DeedNode]:
        return super().heads()[:1]


class SeniorIsCurrent(RoomKey):
    """Of several new keys the most senior owner's is current."""

    def heads(self) -> list[DeedNode]:
        return sorted(super().heads(), key=lambda node: (node.level or PLAIN, node.deed.id))[:1]


class DeadSecrets(RoomKey):
    """Secrets of deeds that do not count are mixed in."""

    def heads(self) -> list[DeedNode]:
        rekeys = self._graph.rekeys
        self._follow()
        found = [each for each in rekeys if not any(other.knows(each) for other in rekeys)]
        for each in found:
            self._holders.setdefault(each.deed.id, SecretHolders(self._graph, each))
        return found


class NobodyWaits(RoomKey):
    """All members are taken to have the key."""

    def waiting(self) -> set[bytes]:
        return set()


class GivenToAll(RoomKey):
    """Every member is given the current key."""

    def _has(self, person: bytes, holders: SecretHolders) -> bool:
        return True


class NeverDue(RoomKey):
    """Nobody says that a new key is due."""

    def is_due(self) -> bool:
        return False


class HeldForEver(RoomKey):
    """Who has a secret is not asked anew when what counted does not count any more."""

    def _follow(self) -> None:
        self._asked = (self._asked[0], self._graph.revision)
        super()._follow()


def _age(node: DeedNode) -> tuple[int, bytes]:
    return sum(1 for at in range(node.at) if at in node.past), node.deed.id


GRAPHS: Final[tuple[type[DeedGraph], ...]] = (
    NothingIsJudgedAgain,
    OnlyTheRemovedAreJudgedAgain,
    AnythingForgives,
    ForgivenUnheard,
    JuniorsForgive,
    AdmissionsForgive,
    AnyOwnerRemovesAny,
    OldDatesCount,
    WholePastVoid,
    SparedByOne,
    PlainMembersRemove,
    AdmittedByOneself,
    RightsBeforeTheGrant,
    PlainMembersName,
    SeniorByHash,
    SeniorByCount,
    OwnersRemoveThemselves,
    BystandersGo,
    LateAdmissionsVoid,
    TwoEach,
    UnknownTips,
)
KEYS: Final[tuple[type[RoomKey], ...]] = (
    LowestHashIsCurrent,
    SeniorIsCurrent,
    DeadSecrets,
    NobodyWaits,
    GivenToAll,
    NeverDue,
    HeldForEver,
)
MUTANTS: Final[dict[str, Rules]] = {
    **{each.__name__: Rules(graph=each, compared=False) for each in GRAPHS},
    **{each.__name__: Rules(key=each, compared=False) for each in KEYS},
}
