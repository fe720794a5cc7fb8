from __future__ import annotations

from sandpiper.common.messages import Notice
from sandpiper.tui.timeline_model import TimelineModel
from tests.tui.fake import START, FakeRoom, key

ROOM = FakeRoom()


def test_messages_of_one_sender_stand_under_one_name() -> None:
    model = TimelineModel()
    heads = []
    for nick, at in (("bob", 0), ("bob", 10), ("carol", 20), ("bob", 30), ("bob", 400)):
        entry = model.message(ROOM.message(nick, "x", at=START + at))
        assert entry is not None
        heads.append(entry.head)
    assert heads == [True, False, True, True, True]


def test_another_key_is_another_sender() -> None:
    model = TimelineModel()
    model.message(ROOM.message("bob", "x"))
    entry = model.message(ROOM.message("bob", "x", verified=False))
    assert entry is not None
    assert entry.head


def test_days() -> None:
    model = TimelineModel()
    for at in (START, START + 60, START + 86_400, 10**18):
        model.message(ROOM.message("bob", "x", at=at))
    assert [entry.day for entry in model] == ["Tuesday 4 March 2025", "", "Wednesday 5 March 2025", ""]


def test_memory_is_bounded_by_count_and_by_size() -> None:
    model = TimelineModel(most=1000)
    for number in range(5000):
        model.message(ROOM.message("bob", f"anna {number}"))
    assert 1000 <= len(model) <= 1500
    assert model.at(model.end - 1).text == "anna 4999"
    assert model.at(model.first).serial == model.first
    large = TimelineModel(most_bytes=1_000_000)
    for _ in range(500):
        large.message(ROOM.message("bob", "x" * 50_000))
    assert sum(entry.size for entry in large) <= 1_000_000


def test_mentions_are_bounded_and_forgotten_with_their_entries() -> None:
    model = TimelineModel(most=100)
    model.called("anna")
    for _ in range(3000):
        model.message(ROOM.message("bob", "anna"))
    assert len(model.mentions) <= 1000
    assert model.mentions[0] >= model.first


def test_an_echo_that_is_faster_than_the_answer() -> None:
    model = TimelineModel()
    model.post("local 1", "msg", "x", START)
    model.message(ROOM.message("anna", "x", name="id-1"), own=True)
    model.posted("local 1", "id-1")
    assert not model.pending
    assert len(model) == 1


def test_a_crowd_is_one_entry_and_bounded() -> None:
    model = TimelineModel()
    for number in range(100):
        model.notice(Notice("x", START, "lobby", "join", f"n{number}"))
    assert [len(entry.people) for entry in model] == [40, 40, 20]


def test_ignoring_finds_every_entry_its_place_anew() -> None:
    model = TimelineModel()
    for nick in ("bob", "eve", "bob"):
        model.message(ROOM.message(nick, "x"))
    assert [entry.head for entry in model] == [True, True, True]
    model.ignored.ignore("eve", [key("eve")])
    assert [(entry.head, entry.hidden) for entry in model] == [(True, False), (True, True), (False, False)]
    assert model.ignored.nicks == ["eve"]
    assert model.ignored.forgive("EVE")


def test_what_is_cleared_is_kept_and_can_be_uncovered() -> None:
    model = TimelineModel()
    model.called("anna")
    model.message(ROOM.message("bob", "anna: x"))
    model.notice(Notice("x", START, "lobby", "join", "eve"))
    model.clear()
    assert model.mentions == []
    model.notice(Notice("x", START, "lobby", "join", "carol"))
    model.message(ROOM.message("bob", "y"))
    shown = [model.at(serial) for serial in range(model.first, model.end)]
    assert [(entry.people, entry.text, entry.day != "") for entry in shown] == [
        ((("join", "carol"),), "", True),
        ((), "y", False),
    ]
    assert [entry.text for entry in model] == ["anna: x", "", "", "y"]
    model.again()
    assert [model.at(serial).day != "" for serial in range(model.first, model.end)] == [True, False]
    model.uncover()
    assert model.first == model.oldest == 0
    assert model.mentions == [0]
    assert [entry.day != "" for entry in model] == [True, False, False, False]


def test_what_is_cleared_counts_for_the_bounds() -> None:
    model = TimelineModel(most=100)
    for _ in range(90):
        model.message(ROOM.message("bob", "x"))
    model.clear()
    for _ in range(1000):
        model.message(ROOM.message("bob", "y"))
    assert 100 <= len(model) <= 600
    assert model.first == model.oldest > 90
    assert model.at(model.oldest).serial == model.oldest


def test_what_the_history_had_is_grouped_as_what_comes() -> None:
    times = (("bob", 0), ("bob", 10), ("anna", 20), ("anna", 30), ("bob", 40), ("bob", 400))
    messages = [ROOM.message(nick, "x", at=START + at) for nick, at in times]
    model = TimelineModel()
    model.stored(messages, key("anna"))
    heads = [(entry.head, entry.old, entry.own, entry.mark) for entry in model]
    assert [head for head, *_ in heads] == [True, False, True, False, True, True]
    assert all(old and not mark for _, old, _, mark in heads)
    assert [own for _, _, own, _ in heads] == [False, False, True, True, False, False]
    live = model.message(ROOM.message("bob", "x", at=START + 410))
    assert live is not None
    assert live.head  # what is dimmed ends here
    assert model.message(messages[0], old=True) is None


def test_what_nobody_else_has_is_not_called_delivered() -> None:
    model = TimelineModel()
    message = ROOM.message("anna", "is anybody there?")
    entry = model.message(message, own=True, alone=True)
    assert entry is not None
    assert entry.mark == "…"
    model.delivered(message.id, message.seq)
    assert entry.mark == "✓"
    assert model.message(ROOM.message("anna", "now you are"), own=True).mark == "✓"  # type: ignore[union-attr]
