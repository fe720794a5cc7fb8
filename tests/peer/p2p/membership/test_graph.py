"""The graph beside its rules, which the model tests: what it takes, what it keeps, how much work it is."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import DEED_TIPS
from sandpiper.common.p2p.deeds import Admit, Deed, Note, Own, parse
from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.level import PLAIN, Level
from sandpiper.peer.p2p.membership.node import DeedNode
from sandpiper.peer.p2p.membership.room_key import RoomKey
from tests.peer.p2p.membership.model.world import ADMIT, NOTE, OWN, READMIT, REKEY, ROOT, deed
from tests.peer.p2p.membership.persons import Signer, copied, founded, founding

F, A, B, L = (Signer(name) for name in "FABL")


class CountingGraph(DeedGraph):
    """Counts how often a deed is judged."""

    judgings = 0

    def _judge(self, node: DeedNode) -> Level | None:
        self.judgings += 1
        return super()._judge(node)


def test_a_deed_of_another_room_is_not_taken() -> None:
    graph, other = founded(F), founded(A)
    assert not graph.add(other.nodes()[1].deed)
    assert not graph.add(founding(A))
    assert len(graph) == 2


def test_who_has_changed_is_said_once() -> None:
    graph = founded(F)
    graph.changed()
    F.admits(graph, A)
    assert graph.changed() == {A.key}
    assert graph.changed() == set()
    lost = copied(graph)
    A.admits(lost, B)
    F.removes(graph, A)
    for node in lost.nodes():
        graph.add(node.deed)
    assert graph.changed() == {A.key}  # B came in by nobody
    assert graph.is_removed(A.key)
    assert not graph.is_removed(B.key)


def test_what_a_newcomer_is_given_makes_the_same_graph() -> None:
    graph = founded(F)
    for person in (A, B, L):
        F.admits(graph, person)
    F.removes(graph, B)
    raws = [node.deed.raw for node in graph.past(graph.tips())]
    first, *others = (parse(raw) for raw in raws)
    again = DeedGraph(first)
    for each in others:
        assert again.add(each)
    assert (again.members, again.digest()) == (graph.members, graph.digest())
    assert [node.deed.raw for node in graph.past([graph.nodes()[2].deed.id, bytes(32)])] == raws[:3]


def test_a_deed_names_all_that_its_writer_knows_by_notes_if_it_must() -> None:
    graph = founded(F)
    F.admits(graph, L)
    tip = graph.nodes()[-1].deed
    for n in range(3 * DEED_TIPS):
        graph.add(L.says(graph.room, [tip], Admit(Signer(str(n)).keys(graph.room), "code")))
    written = F.admits(graph, A)
    assert [type(each.said) for each in written] == [Note, Note, Note, Admit]
    assert graph.tips() == [written[-1].id]
    assert all(len(each.tips) <= DEED_TIPS for each in written)


def test_what_would_not_count_is_not_written() -> None:
    graph = founded(F)
    F.admits(graph, A)
    size = len(graph)
    for who, said in ((A, Own(B.key, 1)), (B, Admit(A.keys(graph.room), "code"))):
        with pytest.raises(Refusal):
            who.writes(graph, said)
    assert len(graph) == size


def test_judging_a_stranger_keeps_nothing_of_it() -> None:
    graph = founded(F)
    before = len(graph.people)
    for n in range(100):
        assert graph.judge(Signer(str(n)).says(graph.room, [graph.nodes()[0].deed], Note())) is None
    assert len(graph.people) == before


# How much work it is -----------------------------------------------------------------------------------------


def lived(people: int, deeds: int) -> list[Deed]:
    """Returns the deeds of a room that has lived, unsigned."""
    chance = random.Random(3)
    made, members, owners = [ROOT], ["F"], ["F"]
    while len(made) < deeds:
        tips = {made[-1], *chance.sample(made[-8:], min(2, len(made)))}
        luck, who = chance.random(), chance.choice(members)
        if luck < 0.01 and len(owners) < 20:
            made.append(deed(OWN, chance.choice(owners), tips, (who,), number=len(owners)))
            owners.append(who)
        elif luck < 0.03 and who not in owners:
            made.append(deed(REKEY, chance.choice(owners), tips, (who,), number=len(made)))
        elif luck < 0.04:
            made.append(deed(READMIT, owners[0], tips, (who,), number=len(made)))
        else:
            new = f"p{len(members)}" if len(members) < people else chance.choice(members)
            made.append(deed(ADMIT, chance.choice(members), tips, (new,), number=len(made)))
            members += [new] if new not in members else []
    return made


def test_work_and_memory_grow_with_the_deeds_and_no_faster() -> None:
    made = lived(200, 2000)
    figures = []
    for size in (500, 1000, 2000):
        tracemalloc.start()
        graph = CountingGraph(ROOT)
        for each in made[1:size]:
            graph.add(each)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        figures.append((graph.judgings, held))
        assert sum(node.past.absent.bit_length() for node in graph.nodes()) < 64 * size
    (few, small), _, (many, large) = figures
    assert many < 1.5 * 4 * few
    assert large < 1.2 * 4 * small
    assert many < 2 * 2000


def test_a_removal_of_a_flooder_is_work_for_what_he_wrote_once() -> None:
    """Fault 6a: and letting him in again, and so on, costs no more each time."""
    graph = CountingGraph(ROOT)
    last = deed(ADMIT, "F", [ROOT], "W")
    graph.add(last)

    def then(kind: str, writer: str, about: str, number: int = 0) -> int:
        nonlocal last
        last = deed(kind, writer, [last], (about,) if about else (), number=number)
        before = graph.judgings
        graph.add(last)
        return graph.judgings - before

    for n in range(1000):
        then(ADMIT, "W", f"s{n}")
    for n in range(200):
        then(ADMIT, f"s{n}", "W")
    for n in range(10):
        assert then(REKEY, "F", "W", n) == 1
        assert then(READMIT, "F", "W", n) == 1
    graph.judgings = 0
    graph.add(deed(REKEY, "F", [ROOT], "W"))
    assert graph.judgings < 2 * len(graph)
    assert len(graph.members) == 1


def test_who_is_removed_and_let_in_again_many_times_is_judged_quickly() -> None:
    """By an owner in turn, or all removals first: the work of a deed does not grow with their square."""

    class Forgiving(CountingGraph):
        forgiven = 0

        def forgives(self, grant: DeedNode, removal: DeedNode) -> bool:
            self.forgiven += 1
            return super().forgives(grant, removal)

    for in_turn in (False, True):
        made = [deed(ADMIT, "F", [ROOT], "W")]
        kinds = [REKEY, READMIT] * 100 if in_turn else [REKEY] * 100 + [READMIT] * 100
        for n, kind in enumerate(kinds):
            made.append(deed(kind, "F", made[-1:], "W", number=n))
        graph = Forgiving(ROOT)
        for each in made:
            graph.add(each)
        graph.forgiven = 0
        for n in range(10):
            made.append(deed(ADMIT, "W", made[-1:], (f"x{n}",)))
            graph.add(made[-1])
        assert len(graph.members) == 12
        graph.add(deed(REKEY, "F", [ROOT], "W"))  # with the oldest date
        assert len(graph.members) == 1
        assert graph.forgiven < 10 * 400 + 400


def test_an_owner_who_removes_everybody_again_and_again_makes_no_work() -> None:
    """Nor one who tries to remove his senior."""
    graph = CountingGraph(ROOT)
    made = [deed(OWN, "F", [ROOT], "A", number=1)]
    made.append(deed(OWN, "F", made[-1:], "B", number=2))
    for n in range(20):
        for kind, about in ((ADMIT, f"x{n}"), (NOTE, "")):
            made.append(deed(kind, "A", made[-1:], (about,) if about else ()))
    for each in made:
        graph.add(each)
    graph.judgings = 0
    everybody = ("A", "F", *(f"x{n}" for n in range(20)))
    for n in range(50):
        graph.add(deed(REKEY, "B", [made[-1 - n % 20]], everybody, number=n))
    assert graph.judgings == 50
    assert len(graph.members) == 3


def test_a_hundred_keys_at_once_are_all_in_the_mix_and_asked_about_quickly() -> None:
    """An owner who forks himself: it is seen who stalls, and the next key ends all of it."""
    graph = DeedGraph(ROOT)
    named = deed(OWN, "F", [ROOT], "A", number=1)
    graph.add(named)
    forks = [deed(REKEY, "A", [named], (), number=n, names="A") for n in range(100)]
    for each in forks:
        graph.add(each)
    key = RoomKey(graph)
    assert len(key.heads()) == 100
    assert len(key.waiting()) == 1
    ends = deed(REKEY, "F", forks[:64], (), names="FA")
    graph.add(ends)
    graph.add(deed(REKEY, "F", [ends, *forks[64:]], (), names="FA"))
    assert len(key.heads()) == 1
    assert key.waiting() == set()


def test_a_note_of_a_plain_member_is_a_tip() -> None:
    graph = DeedGraph(ROOT)
    graph.add(deed(ADMIT, "F", [ROOT], "W"))
    note = deed(NOTE, "W", [deed(ADMIT, "F", [ROOT], "W")])
    graph.add(note)
    assert graph.tips() == [note.id]
    assert graph.level(note.id) == PLAIN
