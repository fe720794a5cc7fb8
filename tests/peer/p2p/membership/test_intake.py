"""Intake delays: each branch, owner and line has a budget, and nobody empties another's."""

from __future__ import annotations

from sandpiper.common.limits import (
    ALL_BROUGHT_DEEDS,
    BRANCH_BELOW_DEEDS,
    BRANCH_BELOW_DEEDS_H,
    BRANCH_BYTES,
    BRANCH_DEEDS,
    BRANCH_DEEDS_H,
    BROUGHT_DEEDS,
    BROUGHT_FIRST_DEEDS,
    OWNER_BROUGHT_DEEDS,
    OWNER_DEEDS,
    OWNERS_LINE_DEEDS,
    RETURN_DEEDS,
)
from sandpiper.common.p2p.deeds import Admit, Deed, Note, Own
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.intake import DeedIntake
from sandpiper.peer.p2p.membership.level import PLAIN
from tests.peer.p2p.membership.persons import Signer, founded

F, A, B, L, M, N = (Signer(name) for name in "FABLMN")
HOUR = 3600.0


def room() -> DeedGraph:
    """F named A; F let in B and L, A let in N, L let in M."""
    graph = founded(F)
    F.names(graph, A)
    F.admits(graph, B)
    F.admits(graph, L)
    A.admits(graph, N)
    L.admits(graph, M)
    return graph


def note(graph: DeedGraph, writer: Signer) -> Deed:
    return writer.says(graph.room, [graph.nodes()[-1].deed], Note())


def paid(intake: DeedIntake, graph: DeedGraph, deed: Deed, now: float, most: int = 5000) -> int:
    """Returns how many such deeds are paid for at once."""
    level = graph.judge(deed)
    assert level is not None
    return next(n for n in range(most) if not intake.pay(deed, level, now))


def test_a_branch_has_so_many_at_once_and_then_so_many_an_hour() -> None:
    graph = room()
    intake = DeedIntake(graph)
    assert paid(intake, graph, note(graph, L), 0.0) == BRANCH_DEEDS
    assert paid(intake, graph, note(graph, M), 0.0) == 0  # of the same branch
    assert paid(intake, graph, note(graph, B), 0.0) == BRANCH_DEEDS
    assert paid(intake, graph, note(graph, L), HOUR) == BRANCH_DEEDS_H
    assert not intake.pay(note(graph, L), PLAIN, HOUR)
    assert intake.pay(note(graph, L), PLAIN, HOUR + HOUR / BRANCH_DEEDS_H)


def test_who_let_a_flooder_in_lets_others_in_as_before() -> None:
    """M floods, whom L let in."""
    graph = room()
    intake = DeedIntake(graph)
    assert paid(intake, graph, note(graph, M), 0.0) == BRANCH_BELOW_DEEDS
    assert not intake.affords(note(graph, M), 0.0)
    assert intake.affords(note(graph, L), 0.0)
    assert paid(intake, graph, note(graph, L), 0.0) == BRANCH_DEEDS - BRANCH_BELOW_DEEDS
    assert paid(intake, graph, note(graph, M), HOUR) == BRANCH_BELOW_DEEDS_H
    assert paid(intake, graph, note(graph, L), HOUR) == BRANCH_DEEDS_H - BRANCH_BELOW_DEEDS_H


def test_octets_are_counted_too() -> None:
    """Fault 6c: a branch of large deeds has as many octets as one of small ones."""
    graph = room()
    tips = [
        L.says(graph.room, [graph.nodes()[-1].deed], Admit(Signer(f"x{n}").keys(graph.room), "c")) for n in range(64)
    ]
    for each in tips:
        graph.add(each)
    large = L.says(graph.room, tips, Note())
    assert len(large.raw) > 2000
    assert paid(DeedIntake(graph), graph, large, 0.0) == BRANCH_BYTES // len(large.raw)


def test_an_owner_has_a_budget_of_his_own_and_the_founder_none() -> None:
    graph = room()
    intake = DeedIntake(graph)
    assert paid(intake, graph, note(graph, A), 0.0) == OWNER_DEEDS
    assert paid(intake, graph, note(graph, N), 0.0) == BRANCH_DEEDS
    founders = graph.judge(note(graph, F))
    assert founders is not None
    assert all(intake.pay(note(graph, F), founders, 0.0) for _ in range(2 * OWNER_DEEDS))


def test_what_comes_by_one_owner_is_bounded_however_many_branches_it_has() -> None:
    graph = room()
    guests = [Signer(f"guest {n}") for n in range(60)]
    for each in guests:
        A.admits(graph, each)
    intake = DeedIntake(graph)
    assert sum(paid(intake, graph, note(graph, each), 0.0) for each in guests) == OWNERS_LINE_DEEDS
    assert paid(intake, graph, note(graph, L), 0.0) == BRANCH_DEEDS
    assert paid(intake, graph, note(graph, A), 0.0) == OWNER_DEEDS  # and so is his own removal of one of them


def test_owners_that_an_owner_invents_share_his_line() -> None:
    graph = room()
    below = [Signer(f"owner {n}") for n in range(6)]
    for namer, each in zip((A, *below), below, strict=False):
        graph.add(namer.says(graph.room, [graph.nodes()[-1].deed], Own(each.key, 1)))
    intake = DeedIntake(graph)
    assert sum(paid(intake, graph, note(graph, each), 0.0) for each in below) == OWNERS_LINE_DEEDS


def test_who_comes_back_is_let_in_though_its_sponsors_branch_has_nothing_left() -> None:
    graph = room()
    intake = DeedIntake(graph)
    paid(intake, graph, note(graph, L), 0.0)
    again = L.says(graph.room, [graph.nodes()[-1].deed], Admit(B.keys(graph.room, 9), "code"))
    invented = L.says(graph.room, [graph.nodes()[-1].deed], Admit(Signer("x").keys(graph.room), "code"))
    assert paid(intake, graph, again, 0.0) == RETURN_DEEDS
    assert paid(intake, graph, invented, 0.0) == 0


def test_what_is_brought_is_paid_for_by_who_brings_it() -> None:
    graph = room()
    intake = DeedIntake(graph)
    deed = note(graph, L)
    brought = [next(n for n in range(9000) if not intake.bring(deed, who, 0.0)) for who in (B.key, A.key)]
    assert brought == [BROUGHT_DEEDS, OWNER_BROUGHT_DEEDS]
    assert not intake.bring(deed, None, 0.0)
    assert not intake.bring(deed, Signer("stranger").key, 0.0)
    assert all(intake.bring(deed, F.key, 0.0) for _ in range(2 * BROUGHT_DEEDS))
    assert paid(intake, graph, note(graph, B), 0.0) == BRANCH_DEEDS  # that is another budget


def test_invented_people_bring_no_more_than_who_invented_them() -> None:
    graph = room()
    crowd = [Signer(f"x{n}") for n in range(5)]
    for each in crowd:
        L.admits(graph, each)
    intake = DeedIntake(graph)
    deed = note(graph, L)
    brought = [next(n for n in range(5000) if not intake.bring(deed, who.key, 0.0)) for who in (M, L, *crowd)]
    assert brought == [BROUGHT_DEEDS, 0, 0, 0, 0, 0, 0]


def test_an_owner_brings_on_all_that_plain_members_can_bring_him_however_many_branches_they_are() -> None:
    graph = room()
    guests = [Signer(f"guest {n}") for n in range(30)]
    for each in guests:
        F.admits(graph, each)
    intake, deed = DeedIntake(graph), note(graph, L)
    fed = sum(next(n for n in range(5000) if not intake.bring(deed, each.key, 0.0)) for each in guests)
    assert fed == ALL_BROUGHT_DEEDS + len(guests) * BROUGHT_FIRST_DEEDS
    assert next(n for n in range(5000) if not intake.bring(deed, B.key, 0.0)) == BROUGHT_FIRST_DEEDS  # has his own
    assert all(intake.bring(deed, A.key, 0.0) for _ in range(fed))


def test_owners_below_one_bring_from_a_budget_of_their_own() -> None:
    graph = room()
    below = [Signer(f"owner {n}") for n in range(3)]
    for number, each in enumerate(below, 1):
        graph.add(A.says(graph.room, [graph.nodes()[-1].deed], Own(each.key, number)))
    intake, deed = DeedIntake(graph), note(graph, L)
    brought = [next(n for n in range(9000) if not intake.bring(deed, who.key, 0.0)) for who in (*below, A)]
    assert brought == [OWNER_BROUGHT_DEEDS, 0, 0, OWNER_BROUGHT_DEEDS]


def test_what_somebody_could_write_is_known_before_it_can_be_judged() -> None:
    graph = room()
    intake = DeedIntake(graph)
    assert intake.affords(note(graph, L), 0.0)
    assert intake.affords(note(graph, A), 0.0)
    assert not intake.affords(note(graph, Signer("stranger")), 0.0)
    paid(intake, graph, note(graph, L), 0.0)
    assert not intake.affords(note(graph, M), 0.0)
