"""Branches: by whom somebody came in, and how many of the room they are."""

from __future__ import annotations

from sandpiper.peer.p2p.membership.branches import Branches
from sandpiper.peer.p2p.membership.level import FOUNDER
from tests.peer.p2p.membership.model.world import ADMIT, OWN, REKEY, ROOT, deed, letters, person, room_of

A_IN = deed(OWN, "F", [ROOT], "A", number=1)
B_IN = deed(ADMIT, "F", [A_IN], "B")
C_IN = deed(ADMIT, "B", [B_IN], "C")
D_IN = deed(ADMIT, "C", [C_IN], "D")
E_IN = deed(ADMIT, "A", [D_IN], "E")
BASE = [ROOT, A_IN, B_IN, C_IN, D_IN, E_IN]


def roots(who: str, *more: object) -> list[str]:
    graph = room_of([*BASE, *more])  # type: ignore[list-item]
    return [letters(root) for root, _ in Branches(graph).roots(person(who))]


def test_a_branch_begins_with_whom_an_owner_let_in() -> None:
    assert [roots(who) for who in "BCDE"] == [["B"], ["B"], ["B"], ["E"]]
    graph = room_of(BASE)
    assert Branches(graph).roots(person("B"))[0] == (person("B"), FOUNDER)
    assert Branches(graph).roots(person("E"))[0][1] == graph.rank(person("A"))
    assert [Branches(graph).depth(person(who)) for who in "FBCDE"] == [0, 0, 1, 2, 0]
    assert Branches(graph).depth(person("Z")) == 0


def test_who_came_in_by_several_is_of_several() -> None:
    again = deed(ADMIT, "E", [E_IN], "D")
    assert sorted(roots("D", again)) == ["B", "E"]


def test_people_who_let_each_other_in_are_no_branch() -> None:
    rings = [deed(ADMIT, "D", [E_IN], "C"), deed(ADMIT, "C", [E_IN], "D", number=1)]
    assert roots("D", *rings) == ["B"]
    strangers = [deed(ADMIT, "X", [E_IN], "Y"), deed(ADMIT, "Y", [E_IN], "X")]
    assert roots("X", *strangers) == []


def test_who_hundreds_of_invented_people_let_in_too_is_still_of_his_own_branch() -> None:
    crowd = [deed(ADMIT, "E", [E_IN], (f"x{n}",)) for n in range(300)]
    crowd += [deed(ADMIT, f"x{n}", [crowd[n]], "D") for n in range(300)]
    assert set(roots("D", *crowd)) == {"B", "E"}


def test_a_branch_outlasts_the_removal_of_its_first() -> None:
    removal = deed(REKEY, "F", [E_IN], "B")
    assert roots("D", removal) == ["B"]


def test_of_each_branch_a_quarter_counts_and_of_ones_own_everybody() -> None:
    crowd = [deed(ADMIT, "B", [E_IN], (f"x{n}",)) for n in range(20)]
    graph = room_of([*BASE, *crowd])
    branches = Branches(graph)
    here = list(graph.members)  # F, A, E, and the 23 of the branch
    assert branches.is_full(4, here)
    assert not branches.is_full(8, here)
    assert not branches.is_full(8, here, person("E"))
    assert branches.is_full(26, here, person("C"))
    assert not branches.is_full(27, here, person("C"))
    assert not branches.is_full(8, [])


def test_who_would_go_with_somebody_is_listed() -> None:
    graph = room_of(BASE)
    branches = Branches(graph)
    assert {letters(each) for each in branches.only_by(person("B"))} == {"C", "D"}
    assert branches.only_by(person("D")) == set()
    assert {letters(each) for each in branches.only_by(person("A"))} == {"E"}
