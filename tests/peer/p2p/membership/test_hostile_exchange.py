"""A member that says all that it can: the others stay equal, nothing is raised, and what they keep is bounded."""

from __future__ import annotations

import random

import pytest

from sandpiper.common.limits import DEEDS_LATE
from sandpiper.common.p2p.deeds import Admit, AnyDeedSaid, Deed, Note, Own, Readmit
from sandpiper.common.p2p.packets import Deeds, Fetch
from sandpiper.peer.p2p.membership.graph import DeedGraph
from tests.peer.p2p.membership.linked import Link, Linked
from tests.peer.p2p.membership.persons import Signer, copied, founded, rekey

F, A, B, L = (Signer(name) for name in "FABL")
CROWD = [Signer(f"x{n}") for n in range(6)]


class Liar:
    """L, who has everything that was ever said, and says what comes to its mind."""

    def __init__(self, graph: DeedGraph, seed: int) -> None:
        self.random = random.Random(seed)
        self.graph = copied(graph)
        self.made: list[Deed] = [node.deed for node in graph.nodes()]
        self.heard: list[Fetch | Deeds] = []

    def any_id(self) -> bytes:
        return self.random.choice((self.random.choice(self.made).id, self.random.randbytes(32), b"", b"short"))

    def deed(self, known: DeedGraph) -> Deed:
        """Signs something, as itself or as somebody whom it invented, on anything, or on what an honest one has."""
        writer = self.random.choice((L, L, *CROWD))
        other = self.random.choice((F, A, B, L, *CROWD))
        said: AnyDeedSaid = self.random.choice(
            (
                Admit(other.keys(self.graph.room, self.random.randrange(9)), "code"),
                Admit(L.keys(bytes(32)), "code"),
                Own(other.key, self.random.randrange(9)),
                Readmit([other.key]),
                rekey([other.key], [L.key], self.random.randbytes(9)),
                Note(),
            )
        )
        pool = self.made if self.random.random() < 0.3 else [node.deed for node in known.nodes()]
        tips = {each.id: each for each in self.random.sample(pool, min(2, len(pool)))}
        deed = writer.says(self.graph.room, tips.values(), said)
        self.made.append(deed)
        return deed

    def raw(self, known: DeedGraph) -> bytes:
        raw = self.random.choice((self.deed(known), self.random.choice(self.made))).raw
        if self.random.random() < 0.15:
            at = self.random.randrange(len(raw))
            raw = raw[:at] + self.random.randbytes(1) + raw[at + 1 :]
        return raw if self.random.random() < 0.95 else self.random.randbytes(self.random.randrange(300))

    def attack(self, member: Linked, now: float) -> None:
        """Says something to one member."""
        end, act = member.exchange, self.random.randrange(6)
        raws = [self.raw(member.graph) for _ in range(self.random.randrange(12))]
        if act == 0:
            end.heard(L.key, self.random.choice((self.random.randbytes(32), end.digest(), b"")), now)
        elif act == 1:
            end.receive_told(self.random.choice((L.key, b"")), raws, now)
        elif act == 2:
            asked = Fetch(
                self.random.choice((-1, 0, 7, 1 << 62)), [self.any_id() for _ in range(200)], self.any_id(),
                self.random.random() < 0.5,
            )  # fmt: skip
            end.receive_fetch(L.key, asked, now)
        elif act == 3:
            r = self.random.choice([said.r for said in self.heard if isinstance(said, Fetch)] or [1])
            end.receive_deeds(L.key, Deeds(r, raws, self.any_id()), now)
        elif act == 4:
            end.receive_deeds(L.key, Deeds(self.random.randrange(9), raws), now)
        else:
            end.forget(L.key)
        self.heard += [said for name, said in end.outgoing if name == L.key]
        end.outgoing = [each for each in end.outgoing if each[0] != L.key]
        member.exchange.handle_timer(now)
        self.heard += [said for name, said in end.outgoing if name == L.key]


@pytest.mark.parametrize("seed", range(4))
def test_the_others_stay_equal_whatever_a_member_says(seed: int) -> None:
    graph = founded(F)
    F.names(graph, A)
    for each in (A, B, L):
        F.admits(graph, each)
    liar = Liar(graph, seed)
    honest = [Linked(each, copied(graph)) for each in (F, A, B)]
    link = Link(honest, seed=seed, lost=0.1)
    for step in range(60):
        for _ in range(4):
            liar.attack(liar.random.choice(honest), link.now)
        if step % 10 == 5:
            link.tell(honest[2], [each.raw for each in B.admits(honest[2].graph, Signer(f"guest {step}"))])
        link.run(0.5)
    link.run(60)
    assert link.is_equal()
    invented = [each for each in CROWD if each.key in honest[0].graph.members]
    assert invented
    link.tell(honest[0], [each.raw for each in F.removes(honest[0].graph, L, *invented)])
    link.run(60)
    assert link.is_equal()
    assert len({str(sorted(each.graph.members.items())) for each in honest}) == 1
    for member in honest:
        assert {F.key, A.key, B.key} <= member.graph.members.keys()
        assert not {L.key, *(each.key for each in invented)} & member.graph.members.keys()
        assert all(Signer(f"guest {step}").key in member.graph.members for step in range(5, 60, 10))
        assert all(len(source.late) <= DEEDS_LATE for source in member.exchange._sources.values())
    digests = [each.graph.digest() for each in honest]
    for _ in range(100):  # what it signs now counts for nothing
        for member in honest:
            liar.attack(member, link.now)
    link.run(30)
    assert [each.graph.digest() for each in honest] == digests
