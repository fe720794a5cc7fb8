"""Two members, or five, become equal through a bad link; nothing is asked for without end, and liars gain little."""

from __future__ import annotations

import random

import pytest

from sandpiper.common.limits import (
    BRANCH_DEEDS,
    BROUGHT_DEEDS,
    DEED_PAGE,
    DEED_PAGE_BYTES,
    DEEDS_LATE,
)
from sandpiper.common.p2p.deeds import Admit, Deed, Note
from sandpiper.common.p2p.packets import Deeds, Fetch
from sandpiper.peer.p2p.membership import exchange, intake
from sandpiper.peer.p2p.membership.exchange import DeedExchange
from sandpiper.peer.p2p.membership.graph import DeedGraph
from tests.peer.p2p.membership.linked import Link, Linked
from tests.peer.p2p.membership.persons import Signer, copied, founded, rekey

F, A, B, C, L, M = (Signer(name) for name in "FABCLM")


def room() -> DeedGraph:
    """F has let all in; A is an owner."""
    graph = founded(F)
    F.names(graph, A)
    for each in (A, B, C, L):
        F.admits(graph, each)
    return graph


def people(n: int) -> list[Signer]:
    return [Signer(f"p{at}") for at in range(n)]


def pair(graph: DeedGraph, **bad: float) -> tuple[Link, Linked, Linked]:
    one, other = Linked(F, graph), Linked(B, copied(graph))
    return Link([one, other], **bad), one, other  # type: ignore[arg-type]


def test_members_with_the_same_deeds_say_nothing() -> None:
    link, one, other = pair(room())
    link.run(30)
    assert one.octets_in == other.octets_in == 0
    assert one.exchange.get_timer() is None


@pytest.mark.parametrize("seed", range(6))
def test_two_halves_become_equal_through_a_bad_link(seed: int) -> None:
    link, one, other = pair(room(), seed=seed, lost=0.3, doubled=0.2, late_s=2.5)
    for each in people(30):
        F.admits(one.graph, each)
    for each in people(20):
        B.admits(other.graph, each, number=1)
    link.run(120)
    assert link.is_equal()
    assert one.graph.members == other.graph.members
    assert len(one.graph.members) == 35


@pytest.mark.parametrize("seed", range(3))
def test_five_members_become_equal_whatever_they_write_meanwhile(seed: int) -> None:
    chance = random.Random(seed)
    graph = room()
    persons = (F, A, B, C, L)
    five = [Linked(each, copied(graph)) for each in persons]
    link = Link(five, seed=seed, lost=0.25, doubled=0.2, late_s=2.0)
    for step in range(20):
        one, other = chance.sample(five, 2)
        if one.name in one.graph.members:
            if one.signer in (F, A) and chance.random() < 0.2 and other.signer not in (F, A):
                made = one.signer.removes(one.graph, other.signer)
            else:
                made = one.signer.admits(one.graph, chance.choice(people(9)), step)
            link.tell(one, [each.raw for each in made])
        link.apart = {frozenset(each.name for each in chance.sample(five, 2)) for _ in range(4)}
        link.run(chance.random() * 4)
    link.apart = set()
    link.run(300)
    assert link.is_equal()
    assert len({str(sorted(each.graph.members.items())) for each in five}) == 1


def test_an_answer_is_a_page_and_each_deed_comes_after_its_past() -> None:
    graph = room()
    for each in people(400):
        F.admits(graph, each)
    end, after, pages, known = DeedExchange(graph, lambda session: session), b"", 0, {graph.room}
    while True:
        pages += 1
        end.receive_fetch(B.key, Fetch(pages, [graph.room], after), 0.0)
        [(_, said)] = end.outgoing
        end.outgoing.clear()
        assert isinstance(said, Deeds)
        assert len(said.deeds) <= DEED_PAGE
        assert sum(map(len, said.deeds)) <= DEED_PAGE_BYTES
        by_raw = {node.deed.raw: node.deed for node in graph.nodes()}
        for raw in said.deeds:
            assert set(by_raw[raw].tips) <= known
            known.add(by_raw[raw].id)
        after = said.next
        if not after:
            break
    assert len(known) == len(graph)
    assert pages > 3


def test_a_request_that_is_said_again_is_not_answered_again() -> None:
    """Fault 21's kind: a replayed request makes a member send nothing."""
    end = DeedExchange(room(), lambda session: session)
    for _ in range(50):
        end.receive_fetch(B.key, Fetch(7, []), 0.0)
        end.receive_fetch(B.key, Fetch(3, []), 0.0)
    assert len(end.outgoing) == 1


def test_a_member_is_given_so_much_in_a_time() -> None:
    graph = room()
    for each in people(100):
        F.admits(graph, each)
    end = DeedExchange(graph, lambda session: session)
    for n in range(4000):
        end.receive_fetch(B.key, Fetch(n, []), n / 1000)
    given = sum(len(raw) for _, said in end.outgoing if isinstance(said, Deeds) for raw in said.deeds)
    assert given < 13 * 1024 * 1024


def test_a_deed_whose_past_is_missing_is_fetched_from_who_told_it_at_once() -> None:
    link, one, other = pair(room())
    F.admits(one.graph, Signer("x"))
    made = F.removes(one.graph, L)
    link.tell(one, [each.raw for each in made])
    link.run(1.0)
    assert L.key not in other.graph.members
    assert link.is_equal()


def test_what_waits_is_bounded_for_each_sender() -> None:
    graph = room()
    end = DeedExchange(copied(graph), lambda session: session)
    lies = [L.says(graph.room, [Deed(bytes([n]) * 32, b"", b"", (), Note(), b"")], Note()) for n in range(1, 200)]
    for at, lie in enumerate(lies):
        end.receive_told(L.key, [lie.raw], float(at))
    assert len(end._sources[L.key].late) == DEEDS_LATE
    assert end.taken == []
    end.forget(L.key)
    assert end.get_timer() is None


def test_what_is_told_over_the_rate_is_not_looked_at() -> None:
    """Nor what waits, for its sake."""
    graph = room()
    end = DeedExchange(copied(graph), lambda session: session)
    lies = [L.says(graph.room, [Deed(bytes([n]) * 32, b"", b"", (), Note(), b"")], Note()) for n in range(1, 100)]
    for lie in lies:
        end.receive_told(L.key, [lie.raw], 0.0)
    looked = 0
    missing = DeedGraph.__contains__

    def counted(graph: DeedGraph, name: bytes) -> bool:
        nonlocal looked
        looked += 1
        return missing(graph, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeedGraph, "__contains__", counted)
        for lie in lies:
            end.receive_told(L.key, [lie.raw], 0.0)
    assert looked == 0


def test_garbage_ends_the_asking() -> None:
    end = DeedExchange(room(), lambda session: session)
    end.heard(L.key, b"other", 0.0)
    end.handle_timer(2.0)
    [(_, asked)] = end.outgoing
    assert isinstance(asked, Fetch)
    end.receive_deeds(L.key, Deeds(asked.r, [b"garbage"] * 50, b"x" * 32), 2.0)
    assert len(end.outgoing) == 1
    timer = end.get_timer()
    assert timer is not None
    assert timer >= 6.0


def test_who_always_has_more_of_nothing_is_asked_less_and_less() -> None:
    end = DeedExchange(room(), lambda session: session)
    known = [node.deed.raw for node in end._graph.nodes()][:2]
    now, asked = 0.0, 0
    while now < 3600:
        end.heard(L.key, b"other", now)
        end.handle_timer(now)
        for _, said in end.outgoing:
            asked += 1
            end.outgoing = []
            assert isinstance(said, Fetch)
            end.receive_deeds(L.key, Deeds(said.r, known, b"x" * 32), now)
            while end.outgoing:
                [(_, again)] = end.outgoing
                end.outgoing = []
                asked += 1
                assert isinstance(again, Fetch)
                end.receive_deeds(L.key, Deeds(again.r, known, b"x" * 32), now)
        now += 1.0
    assert asked < 600


def test_sessions_that_never_answer_keep_nobody_from_the_others() -> None:
    """A liar has many sessions, says that they have something, and now and then that they have not."""
    graph = room()
    one, other = Linked(B, copied(graph)), Linked(C, copied(graph))
    link = Link([one, other])
    lies = [bytes([n]) * 32 for n in range(12)]
    for n in range(600):
        for lie in lies:
            other.exchange.heard(lie, other.exchange.digest() if n % 3 == 0 else b"lie %d" % n, link.now)
        if n == 500:
            B.admits(one.graph, Signer("x"))
        other.exchange.outgoing = [each for each in other.exchange.outgoing if each[0] not in lies]
        link.run(1.0)
    assert link.is_equal()


def test_what_comes_after_an_endless_flood_is_come_to_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member has thousands of a flooder's deeds, which must wait here, and then one of somebody else's."""
    monkeypatch.setattr(exchange, "DEEDS_IDLE_PAGES", 3)
    graph = room()
    one, other = Linked(B, copied(graph)), Linked(C, graph)
    keys, tips = Signer("y").keys(graph.room), [graph.nodes()[-1].deed]
    for n in range(5 * DEED_PAGE):
        one.graph.add(L.says(graph.room, tips, Admit(keys, str(n))))
    late = B.says(graph.room, tips, Admit(Signer("x").keys(graph.room), "code"))
    one.graph.add(late)
    link = Link([one, other])
    link.run(120)
    assert late.id in other.graph


# Budgets -----------------------------------------------------------------------------------------------------


def flooded(graph: DeedGraph, n: int) -> list[Deed]:
    """L invents people, each known to nobody but him."""
    return [L.says(graph.room, [graph.nodes()[-1].deed], Admit(each.keys(graph.room), "code")) for each in people(n)]


def test_a_branch_is_taken_in_at_its_rate_and_no_faster() -> None:
    graph = room()
    liar, honest = Linked(L, copied(graph)), Linked(B, graph)
    for each in flooded(graph, 150):
        liar.graph.add(each)
    link = Link([liar, honest])
    link.run(60)
    assert len(honest.graph) - 8 <= BRANCH_DEEDS + 2
    link.run(3600)
    assert BRANCH_DEEDS + 16 < len(honest.graph) < BRANCH_DEEDS + 50
    assert honest.octets_in < 12 * 1024 * 1024  # it was asked more and more rarely


def test_others_are_not_kept_waiting_by_a_flood() -> None:
    """Nor is what an honest member builds on a flood that it has, and others have not."""
    graph = room()
    liar, honest, other = Linked(L, copied(graph)), Linked(B, copied(graph)), Linked(C, graph)
    flood = flooded(graph, 3 * BRANCH_DEEDS)
    for each in flood:
        liar.graph.add(each)
    for each in flood[:BRANCH_DEEDS]:
        honest.graph.add(each)
    for each in flood[BRANCH_DEEDS : 2 * BRANCH_DEEDS]:
        other.graph.add(each)
    link = Link([liar, honest, other])
    x = Signer("x")
    link.tell(honest, [each.raw for each in B.admits(honest.graph, x)])
    link.run(30)
    assert x.key in other.graph.members


def test_an_owners_removal_comes_through_a_flood_at_once() -> None:
    graph = room()
    liar, founder, other = Linked(L, copied(graph)), Linked(F, copied(graph)), Linked(C, graph)
    flood = flooded(graph, 600)
    for each in flood:
        liar.graph.add(each)
    for each in flood[:300]:
        founder.graph.add(each)
    link = Link([liar, founder, other], late_s=0.1)
    link.run(20)
    link.tell(founder, [each.raw for each in F.removes(founder.graph, L)])
    link.run(2)
    assert L.key not in other.graph.members
    assert other.graph.digest() == founder.graph.digest()


def test_an_owners_removal_comes_through_whatever_was_brought_to_him_alone() -> None:
    """Branches that cost their writer a code each feed one owner with notes that nobody else has."""
    graph = room()
    for each in (guests := [Signer(f"guest {n}") for n in range(5)]):
        F.admits(graph, each)
    owner, founder, other = (Linked(who, copied(graph)) for who in (A, F, C))
    for guest in guests:
        note = graph.nodes()[-1].deed
        for _ in range(500):
            note = guest.says(graph.room, [note], Note())
            owner.graph.add(note)
    link = Link([owner, founder, other], late_s=0.1)
    link.tell(owner, [each.raw for each in A.removes(owner.graph, L)])
    link.run(30)
    for member in (founder, other):
        assert L.key not in member.graph.members
        assert member.graph.digest() == owner.graph.digest()


def test_what_does_not_count_is_not_taken_in_for_itself() -> None:
    graph = room()
    F.removes(graph, L)
    lies = [L.says(graph.room, [graph.nodes()[0].deed], Note())]
    lies += [L.says(graph.room, lies, Note())]
    end = DeedExchange(copied(graph), lambda session: session)
    end.receive_told(C.key, [each.raw for each in lies], 0.0)
    assert end.taken == []
    note = C.says(graph.room, [lies[-1], graph.nodes()[-1].deed], Note())
    end.receive_told(C.key, [each.raw for each in (*lies, note)], 1.0)
    assert [each.id for each in end.taken] == [each.id for each in (*lies, note)]


def test_what_one_brings_for_others_is_bounded() -> None:
    """An accomplice names thousands of a removed one's deeds, which do not count."""
    graph = room()
    F.removes(graph, L)
    lies = [L.says(graph.room, [graph.nodes()[0].deed], Note())]
    while len(lies) < 2 * BROUGHT_DEEDS:
        lies.append(L.says(graph.room, lies[-1:], Note()))
    accomplice, other = Linked(C, copied(graph)), Linked(B, graph)
    for each in lies:
        accomplice.graph.add(each)
    accomplice.graph.add(C.says(graph.room, [lies[-1], graph.nodes()[-1].deed], Note()))
    Link([accomplice, other]).run(600)
    assert len(other.graph) < len(accomplice.graph) - len(lies) + BROUGHT_DEEDS + 100


def test_an_owner_has_a_budget_of_his_own_and_the_founder_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_OWNER", (100, 10, 10**6, 10**6))
    monkeypatch.setattr(intake, "_OWNER_BRINGER", (50, 5, 10**6, 10**6))
    graph = room()
    owner, founder, other = Linked(A, copied(graph)), Linked(F, copied(graph)), Linked(C, graph)
    for member, signer in ((owner, A), (founder, F)):
        tip = graph.nodes()[-1].deed
        for _ in range(300):
            tip = signer.says(graph.room, [tip], rekey((), (), tip.id))
            member.graph.add(tip)
    Link([owner, founder, other]).run(120)
    from_owner = sum(node.deed.writer == A.key for node in other.graph.nodes())
    from_founder = sum(node.deed.writer == F.key for node in other.graph.nodes())
    assert 100 <= from_owner <= 100 + 50 + 5
    assert from_founder >= 300


def test_a_newcomer_takes_from_its_sponsor_what_there_is() -> None:
    graph = room()
    flood = flooded(graph, 600)
    sponsor = Linked(F, graph)
    newcomer = Linked(B, copied(graph))
    for each in flood:
        sponsor.graph.add(each)
    newcomer.exchange.trust(F.key)
    link = Link([sponsor, newcomer])
    link.run(30)
    assert link.is_equal()


@pytest.mark.parametrize("counting", [True, False])
def test_a_sponsor_that_has_no_end_of_deeds_fills_a_newcomers_memory_no_faster_than_others(
    counting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "TRUSTED_DEEDS", 400)
    monkeypatch.setattr(intake, "TRUSTED_OTHER_DEEDS", 100)
    graph = room()
    writer, tip, made = (L if counting else Signer("nobody")), graph.nodes()[-1].deed, list[bytes]()
    end = DeedExchange(graph, lambda session: session)
    before = len(graph)
    end.trust(L.key)
    end.heard(L.key, bytes(32), 0.0)
    for now in range(10, 40):
        end.handle_timer(now)
        for _, said in end.outgoing[:]:
            assert isinstance(said, Fetch)
            made.clear()
            for _ in range(DEED_PAGE):
                tip = writer.says(graph.room, [tip], Note())
                made.append(tip.raw)
            end.outgoing.clear()
            end.receive_deeds(L.key, Deeds(said.r, made, bytes(32)), now)
    assert len(graph) - before <= (400 if counting else 100) + BRANCH_DEEDS + BROUGHT_DEEDS + DEED_PAGE


def test_who_came_in_by_a_flooder_too_writes_by_who_let_him_in_first() -> None:
    graph = room()
    x = Signer("x")
    B.admits(graph, x)
    liar, honest, other = Linked(L, copied(graph)), Linked(x, copied(graph)), Linked(C, graph)
    flood = [L.says(graph.room, [graph.nodes()[0].deed, graph.nodes()[-1].deed][1:], Admit(x.keys(graph.room), "code"))]
    flood += flooded(graph, 300)
    for each in flood:
        liar.graph.add(each)
    honest.graph.add(flood[0])
    link = Link([liar, honest, other])
    link.run(30)
    y = Signer("y")
    link.tell(honest, [each.raw for each in x.admits(honest.graph, y)])
    link.run(5)
    assert y.key in other.graph.members
