"""The graph of deeds: which of them count, at which level, and who is in the room (docs/membership.md).

A deed names the tips that its writer knew; its past is what these lead to. Three questions, each answered from what is
senior or in the past, so never in a circle, and the same whatever order deeds came in: what a grant gives (`gives`),
whether a removal ends it (`_ended`), by which level a deed counts (`_judge`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from sandpiper.common.p2p.deeds import Admit, Deed, Found, Note, Own, Readmit, Rekey, persons
from sandpiper.common.p2p.sealing import digest
from sandpiper.peer.p2p.membership.level import FOUNDER, PLAIN, Level, named_by
from sandpiper.peer.p2p.membership.node import DeedNode, PersonRecord
from sandpiper.peer.p2p.membership.past import NOTHING, DeedPast, joined, members_beyond, ones, past_of, shared


class DeedGraph:
    """Takes genuine deeds of one room, each after its past, and says what follows. Begins with the founding.

    `members` are the persons that are in, with their rank: their level. `people` are all of whom there is a deed.
    `rekeys` are the founding and all deeds that made a secret.
    """

    def __init__(self, founding: Deed) -> None:
        assert isinstance(founding.said, Found)
        self.room = founding.id
        self.founder = founding.writer
        self.members: dict[bytes, Level] = {}
        self.rekeys: list[DeedNode] = []
        self._nodes: dict[bytes, DeedNode] = {}
        self._order: list[DeedNode] = []
        self.people: defaultdict[bytes, PersonRecord] = defaultdict(PersonRecord)
        self._tips: int | None = 0  # as bits, by number
        self._named: list[bytes] | None = None  # and by id
        self._digest = b""
        self._changed: set[bytes] = set()
        self.revision = 0  # grows when a deed that was here counts otherwise than before
        self._enter(founding)

    # Taking in ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, name: bytes) -> bool:
        return name in self._nodes

    def missing(self, deed: Deed) -> list[bytes]:
        """Returns which of the deeds that it was built on are not here."""
        return [tip for tip in deed.tips if tip not in self._nodes]

    def add(self, deed: Deed) -> bool:
        """Takes a deed in whose past is here; whether that is news."""
        if deed.id in self._nodes or deed.room != self.room:
            return False
        assert deed.tips
        assert not self.missing(deed)
        self._enter(deed)
        return True

    def judge(self, deed: Deed) -> Level | None:
        """Returns the level by which a deed whose past is here would count, if it were taken in now."""
        return self._judge(_node(deed, [self._nodes[tip] for tip in deed.tips], len(self._order)))

    def _enter(self, deed: Deed) -> None:
        tips = [self._nodes[tip] for tip in deed.tips]
        writer = self.people[deed.writer].name or deed.writer
        names = tuple(tip.deed.id for tip in tips)
        deed = replace(deed, room=self.room, writer=writer, tips=names)  # what is the same is kept once
        node = _node(deed, tips, len(self._order))
        past = node.past
        self._nodes[deed.id] = node
        self._order.append(node)
        self.people[writer].name = writer
        self.people[writer].works.append(node)
        about = persons(deed.said)
        match deed.said:
            case Found():
                self.people[deed.writer].places.append(node)
                about = (deed.writer,)
            case Admit():
                self.people[about[0]].admits.append(node)
            case Own() | Readmit():
                for person in about:
                    self.people[person].places.append(node)
            case Rekey():
                for person in about:
                    self.people[person].removals.append(node)
        if isinstance(deed.said, (Found, Rekey)):
            self.rekeys.append(node)
        node.level = self._judge(node)
        if node.level is None:
            return
        if self._tips is not None:
            self._tips = (self._tips >> past.base & past.absent) << past.base | 1 << node.at
        self._named = None
        if isinstance(deed.said, Rekey):
            self._put_out(node, about)
            return
        given = self.gives(node)
        for person in about:
            record = self.people[person]
            if given is not None and self._stands(record, node, given):
                self._take_rank(person, given if record.rank is None else min(record.rank, given))

    def _put_out(self, removal: DeedNode, about: Iterable[bytes]) -> None:
        """Lets a new removal take effect. Nobody can have built on it yet, so of what is here it can only end something
        of whom it removes: what is junior to it, and not known to it.
        """
        level = removal.level
        assert level is not None
        touched: dict[bytes, None] = {}
        for person in about:
            record = self.people[person]
            if record.asked:
                record.spared = shared([record.spared, removal.past]) if record.spared else removal.past
            for work in record.works:
                if work.level is not None and level < work.level and not removal.knows(work):
                    touched.update(dict.fromkeys(self._judge_again(work)))
        for person in about:
            self._rank_anew(person)
        self._settle(touched)

    def _settle(self, touched: Iterable[bytes]) -> None:
        """Judges again what these wrote, then whom that touches, until nothing changes."""
        queue = dict.fromkeys(touched)
        while queue:
            person = next(iter(queue))
            del queue[person]
            record = self.people[person]
            record.asked = False
            for work in record.works:
                queue.update(dict.fromkeys(self._judge_again(work)))
            self._rank_anew(person)

    def _judge_again(self, work: DeedNode) -> Iterable[bytes]:
        """Judges a deed again; returns whom that touches."""
        level = self._judge(work)
        if level == work.level:
            return ()
        work.level = level
        self._tips = self._named = None
        self.revision += 1
        return persons(work.deed.said)

    # The three questions -----------------------------------------------------------------------------------

    def gives(self, grant: DeedNode) -> Level | None:
        """Returns the level that a grant gives, if it counts."""
        level, said = grant.level, grant.deed.said
        if level is None or isinstance(said, Found):
            return level
        return named_by(level, said.number, grant.deed.id) if isinstance(said, Own) else PLAIN

    def _ended(self, person: PersonRecord, grant: DeedNode, given: Level, work: DeedNode | None) -> bool:
        """Whether a removal ends a grant; for a deed of the person's: unless the removal knew that deed."""
        # The one that ended another grant, then the newest: who is removed and let in many times is judged quickly.
        last = () if person.ender is None else (person.ender,)
        for removal in chain(last, reversed(person.removals)):
            level = removal.level
            if level is None or not level < given:
                continue  # it does not count, or is no senior's
            if work is not None and removal.knows(work):
                continue
            if not self.forgives(grant, removal):
                person.ender = removal
                return True
        return False

    def forgives(self, grant: DeedNode, removal: DeedNode) -> bool:
        """Whether an owner who knew of a removal, and is not junior to who removed, lets in again by this grant."""
        return (
            isinstance(grant.deed.said, (Own, Readmit))
            and grant.level is not None
            and removal.level is not None
            and grant.level <= removal.level
            and grant.knows(removal)
        )

    def _judge(self, node: DeedNode) -> Level | None:
        """By which level a deed counts: the best that its writer had, as far as it knew."""
        said = node.deed.said
        if isinstance(said, Found):
            return FOUNDER
        person = self.people.get(node.deed.writer) or PersonRecord()
        best: Level | None = None
        for grant in reversed(person.places):
            given = self.gives(grant)
            if given is None or (best is not None and best <= given) or not node.knows(grant):
                continue
            if not self._ended(person, grant, given, node):
                best = given
        if best is None and isinstance(said, (Admit, Note)) and self._is_spared(person, node):
            best = next((PLAIN for grant in person.admits if grant.level is not None and node.knows(grant)), None)
        return None if best == PLAIN and not isinstance(said, (Admit, Note)) else best

    def _is_spared(self, person: PersonRecord, work: DeedNode | None) -> bool:
        """Whether no removal ends the admissions of a person; for a deed of its own: as far as they did not know it.

        An owner's level is senior to what an admission gives, and nothing but an owner's grant forgives: so what ends
        one admission ends them all.
        """
        if not person.asked:
            pasts = [each.past for each in person.removals if each.level is not None]
            person.spared, person.asked = (shared(pasts) if pasts else None), True
        return person.spared is None or (work is not None and work.at in person.spared)

    # Persons -----------------------------------------------------------------------------------------------

    def _rank_anew(self, person: bytes) -> None:
        record = self.people[person]
        rank: Level | None = None
        for grant in reversed(record.places):
            given = self.gives(grant)
            better = given is not None and (rank is None or given < rank)
            if given is not None and better and not self._ended(record, grant, given, None):
                rank = given
        if rank is None and self._is_spared(record, None):
            rank = next((PLAIN for grant in record.admits if grant.level is not None), None)
        self._take_rank(person, rank)

    def _take_rank(self, person: bytes, rank: Level | None) -> None:
        self._changed.add(person)
        record = self.people[person]
        record.rank, record.stamp = rank, record.stamp + 1
        if rank is None:
            self.members.pop(person, None)
        else:
            self.members[person] = rank

    def _stands(self, record: PersonRecord, grant: DeedNode, given: Level) -> bool:
        """Whether a person is in the room by a grant that gives this."""
        if isinstance(grant.deed.said, Admit):
            return self._is_spared(record, None)
        return not self._ended(record, grant, given, None)

    def standing(self, person: bytes) -> Iterator[DeedNode]:
        """Returns the grants by which a person is in the room now."""
        record = self.people.get(person) or PersonRecord()
        for grant in (*record.places, *record.admits):
            given = self.gives(grant)
            if given is not None and self._stands(record, grant, given):
                yield grant

    def rank(self, person: bytes) -> Level | None:
        """None: not in the room; PLAIN: a member; else an owner, by this place."""
        return self.members.get(person)

    def removals(self, person: bytes) -> list[DeedNode]:
        """Returns the counting removals of a person, also those that are forgiven."""
        record = self.people.get(person)
        return [each for each in record.removals if each.level is not None] if record else []

    def is_removed(self, person: bytes) -> bool:
        """Whether a person is out because an owner put it out."""
        return person not in self.members and bool(self.removals(person))

    def changed(self) -> set[bytes]:
        """Returns the persons whose standing may have changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def grants(self, person: bytes) -> list[DeedNode]:
        """Returns what lets a person in, whether it counts or not."""
        record = self.people.get(person)
        return record.places + record.admits if record else []

    # Deeds -------------------------------------------------------------------------------------------------

    def node(self, name: bytes) -> DeedNode | None:
        """Returns what is kept of a deed."""
        return self._nodes.get(name)

    def nodes(self) -> list[DeedNode]:
        """Returns all deeds, as they came in: each after its past."""
        return self._order

    def level(self, name: bytes) -> Level | None:
        """Returns the level by which a deed counts; None: it does not, or is not here."""
        node = self._nodes.get(name)
        return node.level if node else None

    def tips(self) -> list[bytes]:
        """Returns the deeds that count and that no other counting one knew: what an honest writer names, ascending."""
        if self._tips is None:
            tips = tips_of(node for node in self._order if node.level is not None)
            self._tips = sum(1 << node.at for node in tips)
        if self._named is None:
            self._named = sorted(self._order[at].deed.id for at in ones(self._tips))
            self._digest = digest(b"tips", *self._named)
        return self._named

    def digest(self) -> bytes:
        """Returns a hash over the tips: equal at those who have the same deeds that count."""
        self.tips()
        return self._digest

    def past(self, names: Iterable[bytes]) -> Iterator[DeedNode]:
        """Returns these deeds and their past, in an order in which they can be taken in, without what is not here."""
        wanted = closure(self, names)
        return (self._order[at] for at in members_beyond(wanted, NOTHING, 0))


def _node(deed: Deed, tips: Iterable[DeedNode], at: int) -> DeedNode:
    return DeedNode(at, deed, past_of(((tip.at, tip.past) for tip in tips), at))


def closure(graph: DeedGraph, names: Iterable[bytes]) -> DeedPast:
    """Returns what these deeds and their past are, without those that are not here."""
    found = NOTHING
    for name in names:
        node = graph.node(name)
        if node is not None:
            found = joined(found, past_of([(node.at, node.past)], node.at + 1))
    return found


def tips_of(nodes: Iterable[DeedNode]) -> list[DeedNode]:
    """Returns those of these nodes, which come in their order, that no other of them knew."""
    found: list[DeedNode] = []
    known = NOTHING
    for node in reversed(list(nodes)):
        if node.at not in known:
            found.append(node)
            known = joined(known, node.past)
    return found
