"""The key beside its rules, which the model tests: what is asked of old and of false deeds, what a liar makes due."""

from __future__ import annotations

from sandpiper.peer.p2p.membership.room_key import RoomKey
from tests.peer.p2p.membership.model.world import ADMIT, NOTE, OWN, REKEY, ROOT, deed, person, room_of

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
