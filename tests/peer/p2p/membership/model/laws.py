"""What must hold in every world, and whenever one more deed arrives: docs/membership.md, "What is promised"."""

from __future__ import annotations

from itertools import combinations
from typing import Final

from sandpiper.common.p2p.deeds import Deed, Found, Own, Readmit, Rekey, persons
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.level import PLAIN, Level
from sandpiper.peer.p2p.membership.node import DeedNode
from sandpiper.peer.p2p.membership.room_key import RoomKey
from tests.peer.p2p.membership.model.oracle import Oracle
from tests.peer.p2p.membership.model.world import node_of

BELOW_ALL: Final[Level] = (PLAIN[0] + 1, ())


class Broken(Exception):
    """A law does not hold."""


# When one more deed arrives ----------------------------------------------------------------------------------


def check_arrival(old: DeedGraph, new: DeedGraph, deed: Deed, left: set[tuple[bytes, ...]]) -> None:
    """Checks what one more deed changed. `left` are the heads of all keys so far but the last."""
    node = node_of(new, deed)
    removal = node.level is not None and isinstance(deed.said, Rekey) and bool(deed.said.out)
    voided = revived = lost = False
    for before in old.nodes():
        after = node_of(new, before.deed)
        if before.level != after.level:
            _check_judged_again(before.level, after.level, node.level if removal else None)
            voided |= isinstance(before.deed.said, Rekey) and after.level is None
            revived |= isinstance(before.deed.said, Rekey) and before.level is None
            lost |= node.knows(after) and (
                after.level is None or (before.level is not None and after.level > before.level)
            )
    if lost and not revived:
        raise Broken("past: a removal voided what its writer knew")
    _check_ranks(old, new, node, removal=removal, voided=voided)
    for person in new.members.keys() - old.members.keys():
        if old.is_removed(person) and not voided:
            _check_return(new, node, person)
    _check_key_is_new(old, new, left)


def _check_judged_again(before: Level | None, after: Level | None, removal: Level | None) -> None:
    if removal is None:
        raise Broken("stable: a deed that removes nobody changed what counts")
    if (before is not None and before <= removal) or (after is not None and after <= removal):
        raise Broken("senior: a junior's deed changed whether a senior's counts")


def _check_ranks(old: DeedGraph, new: DeedGraph, node: DeedNode, *, removal: bool, voided: bool) -> None:
    said = node.deed.said
    for person, rank in old.members.items():
        now = new.members.get(person)
        if now is None or now > rank:
            if not removal or node.level is None or not node.level < rank:
                raise Broken("senior: somebody lost a rank without a senior's removal")
            if now is None and not _removed_sponsors(old, new, node, person):
                raise Broken("out: somebody is out whom no owner removed")
            continue
        named = isinstance(said, Own) and person == said.person and node.level is not None
        if now < rank and not voided and not named:
            raise Broken("senior: somebody rose without a naming")


def _removed_sponsors(old: DeedGraph, new: DeedGraph, last: DeedNode, person: bytes) -> bool:
    """Whether one through whom a person may have come in, or it itself, is removed by what counts only now."""
    chain, todo = {person}, [person]
    while todo:
        for grant in new.grants(todo.pop()):
            if grant.deed.writer not in chain:
                chain.add(grant.deed.writer)
                todo.append(grant.deed.writer)
    for each in new.rekeys:
        before = old.node(each.deed.id)
        fresh = each is last or before is None or before.level is None
        if each.level is not None and fresh and chain & set(persons(each.deed.said)):
            return True
    return False


def _check_return(new: DeedGraph, node: DeedNode, person: bytes) -> None:
    said = node.deed.said
    if node.level is None or not isinstance(said, (Own, Readmit)) or person not in persons(said):
        raise Broken("back: a removed one is back without an owner's word")
    given = new.gives(node)
    for removal in new.removals(person):
        assert removal.level is not None
        if given is not None and removal.level >= given:
            continue  # it could not end this
        if not node.knows(removal) or node.level > removal.level:
            raise Broken("back: a removed one is back by an owner who may not say so")


def _check_key_is_new(old: DeedGraph, new: DeedGraph, left: set[tuple[bytes, ...]]) -> None:
    heads = heads_of(RoomKey(new))
    if heads != heads_of(RoomKey(old)) and heads in left:
        raise Broken("key: a key that was left is current again")


def heads_of(key: RoomKey) -> tuple[bytes, ...]:
    return tuple(head.deed.id for head in key.heads())


# In every world ----------------------------------------------------------------------------------------------


def check_world(graph: DeedGraph, key: RoomKey) -> None:
    """Checks what must hold in a world, however it came to be."""
    heads = key.heads()
    if not heads or any(head.level is None for head in heads):
        raise Broken("key: there is none, or one by a deed that does not count")
    for each in graph.rekeys:
        if each.level is not None and not any(each is head or head.knows(each) for head in heads):
            raise Broken("key: a counting secret is neither in the mix nor superseded")
    if any(rank > PLAIN for rank in graph.members.values()):
        raise Broken("self: a rank by a naming of a plain member's")
    for node in graph.nodes():
        if node.level is not None:
            _check_right(graph, node)
    _check_rights_come_from_others(graph)
    _check_tips(graph)


def _check_right(graph: DeedGraph, node: DeedNode) -> None:
    """A deed counts by a right that its writer had then, and not beyond a removal."""
    assert node.level is not None
    if isinstance(node.deed.said, Found):
        return
    level = node.level
    grants = [each for each in graph.grants(node.deed.writer) if node.knows(each) and graph.gives(each) == level]
    if not grants:
        raise Broken("self: a deed counts by a right that its writer did not have then")
    for removal in graph.removals(node.deed.writer):
        ender = removal.level
        if ender is None or not ender < level or removal.knows(node):
            continue
        if not any(_forgives(each, removal) for each in grants):
            raise Broken("back: a removed one's deed counts beyond the removal")


def _forgives(grant: DeedNode, removal: DeedNode) -> bool:
    if grant.level is None or removal.level is None or not isinstance(grant.deed.said, (Own, Readmit)):
        return False
    return grant.knows(removal) and grant.level <= removal.level


def _check_rights_come_from_others(graph: DeedGraph) -> None:
    people = [each for each in graph.people if each != graph.founder and graph.grants(each)]
    for group in [{each} for each in people] + [set(pair) for pair in combinations(people, 2)]:
        outside = any(grant.deed.writer not in group for each in group for grant in graph.grants(each))
        if not outside and group & graph.members.keys():
            raise Broken("self: rights that come from oneself, or from one another")
    for person in people:
        standing = list(graph.standing(person))
        others = [given for each in standing if each.deed.writer != person and (given := graph.gives(each))]
        if len(others) < len(standing) and graph.members.get(person) != min(others, default=None):
            raise Broken("self: a grant to oneself gave something")


def _check_tips(graph: DeedGraph) -> None:
    counting = [node for node in graph.nodes() if node.level is not None]
    tips = {node.deed.id for node in counting if not any(other.knows(node) for other in counting)}
    if tips != set(graph.tips()):
        raise Broken("tips: what is named is not what nobody who counts knew")


def check_oracle(graph: DeedGraph) -> None:
    """Checks the graph against the other implementation."""
    oracle = Oracle([node.deed for node in graph.nodes()])
    if {node.deed.id: node.level for node in graph.nodes() if node.level is not None} != oracle.level:
        raise Broken("order: another implementation says otherwise of what counts")
    if graph.members != oracle.members():
        raise Broken("order: another implementation says otherwise of who is in")
