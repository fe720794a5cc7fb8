"""The key beside its rules, which the model tests: what is asked of old and of false deeds, what a liar makes due."""

from __future__ import annotations

import pytest

from sandpiper.peer.p2p.membership.graph import DeedGraph
from sandpiper.peer.p2p.membership.node import DeedNode
from sandpiper.peer.p2p.membership.room_key import RoomKey, SecretHolders
from tests.peer.p2p.membership.model.world import ADMIT, NOTE, OWN, READMIT, REKEY, ROOT, deed, person, room_of

W_IN = deed(ADMIT, "F", [ROOT], "W")
FIRST = deed(REKEY, "F", [W_IN], (), names="FW")
LATE = deed(ADMIT, "W", [FIRST], "V")
SECOND = deed(REKEY, "F", [LATE], "W", names="FV")
BASE = [ROOT, W_IN, FIRST, LATE, SECOND]


def test_a_superseded_secret_is_for_whom_it_was() -> None:
    """Who slept through two keys asks for the first of them too."""
    key = RoomKey(room_of(BASE))
    assert [head.deed.id for head in key.heads()] == [SECOND.id]
    for _ in range(2):
        assert key.is_for(person("F"), FIRST.id)
        assert key.is_for(person("V"), FIRST.id)
        assert not key.is_for(person("X"), FIRST.id)


def test_a_superseded_secret_is_for_nobody_who_came_later() -> None:
    """A newcomer that has recorded what went by before is not given the keys of then."""
    news = deed(ADMIT, "V", [SECOND], "N")
    beside = deed(ADMIT, "V", [LATE], "P")  # by who has not heard of the second key
    again = deed(ADMIT, "F", [SECOND], "V")
    key = RoomKey(room_of([*BASE, news, beside, again]))
    assert not any(key.is_for(person("N"), made.id) for made in (ROOT, FIRST))
    assert not key.is_for(person("P"), ROOT.id)
    assert all(key.is_for(person(each), FIRST.id) for each in "PV")
    assert key.is_for(person("N"), SECOND.id)


def test_what_made_no_secret_is_for_nobody() -> None:
    false = deed(REKEY, "V", [SECOND], (), names="V")
    key = RoomKey(room_of([*BASE, false]))
    for name in (bytes(32), b"", W_IN.id, false.id):
        assert not key.is_for(person("V"), name)


def test_superseded_secrets_are_remembered_so_many_at_once() -> None:
    made = [*BASE]
    for n in range(40):
        made.append(deed(REKEY, "F", made[-1:], (), number=n, names="FV"))
    key = RoomKey(room_of(made))
    assert all(key.is_for(person("V"), each.id) for each in made[5:])
    assert len(key._older) <= 16


def test_a_plain_member_makes_no_new_key_due_by_a_naming_that_counts_nowhere() -> None:
    named = deed(OWN, "V", [SECOND], "X", number=1)
    built = deed(NOTE, "V", [named])
    graph = room_of([*BASE, named, built])
    key = RoomKey(graph)
    assert not key.is_due()
    by_an_accomplice = [deed(OWN, "V", [built], "V", number=2)]
    by_an_accomplice.append(deed(OWN, "V", by_an_accomplice, "X", number=3))
    for each in by_an_accomplice:
        graph.add(each)
    assert not key.is_due()


def test_who_waits_is_not_asked_anew_of_everybody_for_each_deed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of puppets whom an owner puts out and lets in, over and over."""
    puppets = tuple(f"p{n}" for n in range(20))
    made = [*BASE]
    for n in range(20):
        made.append(deed(REKEY, "F", made[-1:], puppets, number=n, names="FV"))
        made.append(deed(READMIT, "F", made[-1:], puppets, number=n))
    graph = room_of(made)
    key = RoomKey(graph)
    assert key.waiting() == set()
    asked = 0
    real = RoomKey._has

    def has(key: RoomKey, person: bytes, holders: SecretHolders) -> bool:
        nonlocal asked
        asked += 1
        return real(key, person, holders)

    monkeypatch.setattr(RoomKey, "_has", has)
    for n in range(10):
        made.append(deed(ADMIT, "V", made[-1:], (f"x{n}",)))
        graph.add(made[-1])
        assert key.waiting() == set()
    assert asked == 10


def test_a_chain_of_keys_for_nobody_is_passed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [*BASE, deed(OWN, "F", [SECOND], "V", number=1)]
    for n in range(100):
        made.append(deed(REKEY, "V", made[-1:], (), number=n, names="V"))
    key = RoomKey(room_of(made))
    followed: list[DeedNode] = []
    real = SecretHolders.__init__

    def made_for(holders: SecretHolders, graph: DeedGraph, node: DeedNode) -> None:
        followed.append(node)
        real(holders, graph, node)

    monkeypatch.setattr(SecretHolders, "__init__", made_for)
    assert key.holders(person("F")) == {person("F"), person("V")}
    assert len(followed) <= 2
