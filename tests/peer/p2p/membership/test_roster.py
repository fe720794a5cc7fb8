"""The roster is equal at all who have the same deeds that count, whatever else they heard, and in which order."""

from __future__ import annotations

import random

import msgspec

from sandpiper.common.p2p.deeds import Admit, Deed, TalkHead
from sandpiper.common.p2p.keys import bond_text, vouch_text
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.roster import Roster
from tests.peer.p2p.membership.persons import Signer, copied, founded, rekey

F, A, L, X = (Signer(name) for name in "FALX")


def room() -> DeedGraph:
    """F named A an owner, and let in A and L."""
    graph = founded(F)
    F.names(graph, A)
    for each in (A, L):
        F.admits(graph, each)
    return graph


def heard(base: DeedGraph, deeds: list[Deed]) -> Roster:
    """Returns the roster of who has heard these deeds one by one, after the others."""
    roster = Roster(copied(base))
    for each in deeds:
        roster.graph.add(each)
        roster.take([each])
    return roster


def test_all_sessions_of_a_member_are_served_in_every_order() -> None:
    """So nobody's session is pushed out by an admission of others, early or late, of sessions that he had before."""
    graph = room()
    tip = graph.nodes()[-1].deed
    many = [F.says(graph.room, [tip], Admit(A.keys(graph.room, n), "code")) for n in range(1, 30)]
    many += [L.says(graph.room, [many[-1]], Admit(A.keys(graph.room, n), "code")) for n in range(1, 20)]
    served = set()
    for seed in range(5):
        first = random.Random(seed).sample(many[:29], 29)
        roster = heard(graph, [*first, *random.Random(seed).sample(many[29:], 19)])
        served.add(frozenset(roster.sessions_of([A.key])))
    assert len(served) == 1
    assert len(served.pop()) == 30


def test_a_deed_that_does_not_count_decides_nothing() -> None:
    """An invented person claims a session of L's, by a deed that one member has and another has not."""
    graph = room()
    keys = L.keys(graph.room)
    text = vouch_text(graph.room, keys.session, keys.box, keys.curve)
    bond = L.session().sign(bond_text(graph.room, X.key, keys.box, keys.curve)).signature
    false = msgspec.structs.replace(keys, identity=X.key, vouch=X.identity.sign(text).signature, bond=bond)
    claim = X.says(graph.room, [graph.nodes()[0].deed], Admit(false, "code"))
    base = DeedGraph(graph.nodes()[0].deed)
    rest = [node.deed for node in graph.nodes()[1:]]
    for deeds in (rest, [claim, *rest], [*rest, claim]):
        roster = heard(base, deeds)
        assert roster.members[keys.session] == keys
        assert roster.person(keys.session) == L.key
    counting = F.says(graph.room, [rest[-1]], Admit(false, "code"))
    for deeds in ([*rest, counting], [claim, *rest, counting]):
        assert keys.session not in heard(base, deeds).members  # that L did itself


def test_talk_ends_where_the_most_senior_says_who_put_the_person_out() -> None:
    graph = room()
    session = L.keys(graph.room).session
    tip = graph.nodes()[-1].deed
    by_founder = msgspec.structs.replace(rekey([L.key], [F.key, A.key]), heads=[TalkHead(session, 5)])
    by_owner = msgspec.structs.replace(rekey([L.key], [F.key, A.key], b"a"), heads=[TalkHead(session, 900)])
    beside = msgspec.structs.replace(rekey([], [F.key, A.key], b"b"), heads=[TalkHead(session, 1 << 61)])
    removal = F.says(graph.room, [tip], by_founder)
    others = [A.says(graph.room, [tip], by_owner), A.says(graph.room, [removal], beside)]
    for deeds in ([removal, *others], [others[0], removal, others[1]]):
        assert heard(graph, deeds).gone == {session: 5}
