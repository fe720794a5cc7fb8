"""What waits for its past is cheap for whoever keeps it, however its sender has chosen it."""

from __future__ import annotations

import pytest

from sandpiper.common.limits import BRANCH_BELOW_DEEDS, DEEDS_LATE, DEEDS_TOLD
from sandpiper.common.p2p import deeds
from sandpiper.common.p2p.deeds import Admit, Deed, Note
from sandpiper.peer.p2p.membership.arriving import ArrivingDeeds, Bringer
from sandpiper.peer.p2p.membership.branches import Branches
from sandpiper.peer.p2p.membership.exchange import DeedExchange
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.intake import DeedIntake
from sandpiper.peer.p2p.membership.late_deeds import LateDeeds
from tests.peer.p2p.membership.persons import Signer, founded

F, L = Signer("F"), Signer("L")


def room() -> DeedGraph:
    graph = founded(F)
    F.admits(graph, L)
    return graph


def unknown(n: int) -> Deed:
    """Stands for a deed that nobody has."""
    return Deed(n.to_bytes(32, "big"), b"", b"", (), Note(), b"")


def counted(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[object]:
    """Returns a list that grows with each call."""
    calls: list[object] = []
    was = getattr(owner, name)

    def call(*given: object) -> object:
        calls.append(given)
        return was(*given)

    monkeypatch.setattr(owner, name, call)
    return calls


def test_a_deed_that_is_told_over_the_rate_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = room()
    told = [L.says(graph.room, [unknown(n)], Note()).raw for n in range(1, DEEDS_TOLD + 101)]
    end = DeedExchange(graph, lambda session: session)
    takes = counted(monkeypatch, ArrivingDeeds, "take")
    for raw in told:
        end.receive_told(L.key, [raw], 0.0)
    assert len(takes) == DEEDS_TOLD


def test_one_that_waits_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = room()
    told = [L.says(graph.room, [unknown(n)], Note()).raw for n in range(1, DEEDS_LATE + 1)]
    end = DeedExchange(graph, lambda session: session)
    encoded = counted(monkeypatch, deeds, "_encode")
    for raw in told:
        end.receive_told(L.key, [raw], 0.0)
    assert len(encoded) <= 2 * DEEDS_LATE, "to verify it, and for its size"


def chain(graph: DeedGraph, n: int) -> Signer:
    """Returns the last of those that L let in, each by the one before."""
    last = L
    for each in (Signer(f"p{at}") for at in range(n)):
        graph.add(last.says(graph.room, [graph.nodes()[-1].deed], Admit(each.keys(graph.room), "code")))
        last = each
    return last


def test_what_was_built_on_a_page_is_looked_at_once_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of fifty that wait was built on each of fifty, by somebody far from an owner, whose branch has no more."""
    graph = room()
    last = chain(graph, 50)
    arriving = ArrivingDeeds(graph)
    bringer = Bringer(L.key, LateDeeds())
    tip = graph.nodes()[-1].deed
    nodes = [node.deed for node in graph.nodes()]
    spent = [last.says(graph.room, [tip, nodes[at]], Note()) for at in range(1, BRANCH_BELOW_DEEDS + 1)]
    assert len(arriving.take([each.raw for each in spent], bringer, 0.0).taken) == len(spent)
    page = [last.says(graph.room, [tip, spent[0], nodes[at]], Note()) for at in range(1, 50)]
    late = [last.says(graph.room, [*page, nodes[at]], Note()) for at in range(50)]
    arriving.take([each.raw for each in late], bringer, 0.0)
    assert len(bringer.late) == len(late)
    asked = counted(monkeypatch, DeedIntake, "affords")
    sought = counted(monkeypatch, Branches, "_let_in_by_owner")
    found = arriving.take([each.raw for each in page], bringer, 0.0)
    assert found.refused == len(page)
    assert len(asked) <= len(late)
    assert len(sought) <= 2 * len(graph)
