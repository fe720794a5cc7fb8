from __future__ import annotations

from sandpiper.common.messages import Notice
from sandpiper.tui.timeline_model import Record
from tests.tui.fake import START, FakeRoom, key

ROOM = FakeRoom()


def test_messages_of_one_sender_stand_under_one_name() -> None:
    record = Record()
    heads = []
    for nick, at in (("bob", 0), ("bob", 10), ("carol", 20), ("bob", 30), ("bob", 400)):
        entry = record.message(ROOM.message(nick, "x", at=START + at))
        assert entry is not None
        heads.append(entry.head)
    assert heads == [True, False, True, True, True]


def test_another_key_is_another_sender() -> None:
    record = Record()
    record.message(ROOM.message("bob", "x"))
    entry = record.message(ROOM.message("bob", "x", verified=False))
    assert entry is not None
    assert entry.head


def test_days() -> None:
    record = Record()
    for at in (START, START + 60, START + 86_400, 10**18):
        record.message(ROOM.message("bob", "x", at=at))
    assert [entry.day for entry in record] == ["Tuesday 4 March 2025", "", "Wednesday 5 March 2025", ""]


def test_memory_is_bounded_by_count_and_by_size() -> None:
    record = Record(most=1000)
    for number in range(5000):
        record.message(ROOM.message("bob", f"anna {number}"))
    assert 1000 <= len(record) <= 1500
    assert record.at(record.end - 1).text == "anna 4999"
    assert record.at(record.first).serial == record.first
    large = Record(most_bytes=1_000_000)
    for _ in range(500):
        large.message(ROOM.message("bob", "x" * 50_000))
    assert sum(entry.size for entry in large) <= 1_000_000


def test_mentions_are_bounded_and_forgotten_with_their_entries() -> None:
    record = Record(most=100)
    record.called("anna")
    for _ in range(3000):
        record.message(ROOM.message("bob", "anna"))
    assert len(record.mentions) <= 1000
    assert record.mentions[0] >= record.first


def test_an_echo_that_is_faster_than_the_answer() -> None:
    record = Record()
    record.post("local 1", "msg", "x", START)
    record.message(ROOM.message("anna", "x", name="id-1"), own=True)
    record.posted("local 1", "id-1")
    assert not record.pending
    assert len(record) == 1


def test_a_crowd_is_one_entry_and_bounded() -> None:
    record = Record()
    for number in range(100):
        record.notice(Notice("x", START, "lobby", "join", f"n{number}"))
    assert [len(entry.people) for entry in record] == [40, 40, 20]


def test_ignoring_finds_every_entry_its_place_anew() -> None:
    record = Record()
    for nick in ("bob", "eve", "bob"):
        record.message(ROOM.message(nick, "x"))
    assert [entry.head for entry in record] == [True, True, True]
    record.ignored.ignore("eve", [key("eve")])
    assert [(entry.head, entry.hidden) for entry in record] == [(True, False), (True, True), (False, False)]
    assert record.ignored.nicks == ["eve"]
    assert record.ignored.forgive("EVE")


def test_clearing_keeps_serials_apart() -> None:
    record = Record()
    record.message(ROOM.message("bob", "x"))
    record.clear()
    entry = record.message(ROOM.message("bob", "y"))
    assert entry is not None
    assert (entry.serial, record.first, record.end) == (1, 1, 2)


def test_what_is_cleared_is_kept_and_can_be_uncovered() -> None:
    record = Record()
    record.called("anna")
    record.message(ROOM.message("bob", "anna: x"))
    record.notice(Notice("x", START, "lobby", "join", "eve"))
    record.clear()
    assert record.mentions == []
    record.notice(Notice("x", START, "lobby", "join", "carol"))
    record.message(ROOM.message("bob", "y"))
    shown = [record.at(serial) for serial in range(record.first, record.end)]
    assert [(entry.people, entry.text, entry.day != "") for entry in shown] == [
        ((("join", "carol"),), "", True),
        ((), "y", False),
    ]
    assert [entry.text for entry in record] == ["anna: x", "", "", "y"]
    record.again()
    assert [record.at(serial).day != "" for serial in range(record.first, record.end)] == [True, False]
    record.uncover()
    assert record.first == record.oldest == 0
    assert record.mentions == [0]
    assert [entry.day != "" for entry in record] == [True, False, False, False]


def test_what_is_cleared_counts_for_the_bounds() -> None:
    record = Record(most=100)
    for _ in range(90):
        record.message(ROOM.message("bob", "x"))
    record.clear()
    for _ in range(1000):
        record.message(ROOM.message("bob", "y"))
    assert 100 <= len(record) <= 600
    assert record.first == record.oldest > 90
    assert record.at(record.oldest).serial == record.oldest


def test_what_the_history_had_is_grouped_as_what_comes() -> None:
    times = (("bob", 0), ("bob", 10), ("anna", 20), ("anna", 30), ("bob", 40), ("bob", 400))
    messages = [ROOM.message(nick, "x", at=START + at) for nick, at in times]
    record = Record()
    record.stored(messages, key("anna"))
    heads = [(entry.head, entry.old, entry.own, entry.mark) for entry in record]
    assert [head for head, *_ in heads] == [True, False, True, False, True, True]
    assert all(old and not mark for _, old, _, mark in heads)
    assert [own for _, _, own, _ in heads] == [False, False, True, True, False, False]
    live = record.message(ROOM.message("bob", "x", at=START + 410))
    assert live is not None
    assert live.head  # what is dimmed ends here
    assert record.message(messages[0], old=True) is None


def test_what_nobody_else_has_is_not_called_delivered() -> None:
    record = Record()
    message = ROOM.message("anna", "is anybody there?")
    entry = record.message(message, own=True, alone=True)
    assert entry is not None
    assert entry.mark == "…"
    record.delivered(message.id, message.seq)
    assert entry.mark == "✓"
    assert record.message(ROOM.message("anna", "now you are"), own=True).mark == "✓"  # type: ignore[union-attr]
