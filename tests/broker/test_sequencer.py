"""Numbering, stamping and storing: what is staged, what a flush makes of it, and what a failed one undoes."""

from __future__ import annotations

from typing import Any

import pytest

from sandpiper.broker import sequencer
from sandpiper.common import batch
from sandpiper.common.control import Acked, Turned
from sandpiper.common.limits import ID_CHARS
from sandpiper.common.messages import Ack, DataDraft, Draft, Error, MeDraft, Msg, MsgDraft, Notice
from tests.broker.fixture import FullStore, House, events, nested, on_bus


def full(house: House, on: bool) -> None:
    assert isinstance(house.store, FullStore)
    house.store.full = on


def test_a_publication_is_stamped_stored_shown_and_acknowledged(house: House) -> None:
    alice = house.join("alice")
    house.take()
    house.publish(alice, "hi", 1)
    outputs = house.take()
    (message,) = on_bus(outputs)
    assert isinstance(message, Msg)
    assert (message.nick, message.text, message.room, message.seq, message.prev) == ("alice", "hi", "lobby", 1, 0)
    assert (message.run, message.from_, message.verified) == (house.store.run, alice.fingerprint, True)
    assert message.id == f"{alice.publisher}-1"
    assert message.ts == 1_700_001_000
    assert house.log() == [message]
    assert events(outputs, alice, Acked) == [Acked(room="lobby", n=1, seqs=[1])]
    assert house.take() == []


def test_prev_counts_each_type_for_itself(house: House) -> None:
    alice = house.join("alice")
    house.publish(alice, "a", 1)
    house.publish_draft(alice, MeDraft(text="b", n=2))
    house.publish_draft(alice, DataDraft(value={"c": 1}, n=3))
    house.publish(alice, "d", 4)
    house.publish_draft(alice, DataDraft(value=None, n=5))
    house.take()
    assert [(message.seq, message.prev) for message in house.log()] == [(1, 0), (2, 0), (3, 0), (4, 1), (5, 3)]


def test_a_repeated_number_is_acknowledged_with_its_first_seq(house: House) -> None:
    alice = house.join("alice")
    for n in (1, 2, 1, 2, 3):
        house.publish(alice, f"t{n}", n)
    outputs = house.take()
    assert [(event.n, event.seqs) for event in events(outputs, alice, Acked)] == [(1, [1, 2]), (1, [1, 2, 3])]
    house.publish(alice, "t2", 2)
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=2, seqs=[2])]
    assert house.texts() == ["t1", "t2", "t3"]


def test_a_number_past_a_hole_is_turned_away_once_a_batch(house: House) -> None:
    alice = house.join("alice")
    house.publish(alice, "one", 1)
    for n in (3, 4, 5):
        house.publish(alice, "late", n)
    outputs = house.take()
    assert [(turned.n, turned.code, turned.retry_ms) for turned in events(outputs, alice, Turned)] == [(3, "gap", 0)]
    assert house.texts() == ["one"]
    house.publish(alice, "late", 5)
    assert len(events(house.take(), alice, Turned)) == 1


def test_a_store_that_fails_undoes_the_whole_batch(house: House) -> None:
    alice, line, bob = house.join("alice"), house.line("carol"), house.join("bob")
    house.publish(alice, "kept", 1)
    house.take()
    full(house, True)
    for n in (2, 3, 4):
        house.publish(alice, f"a{n}", n)
    house.publish(bob, "b1", 1)
    for name in ("x", "y", "x"):
        house.line_port.publish(line, "lobby", MsgDraft(text="line", id=name))
    outputs = house.take()
    assert on_bus(outputs) == []
    assert events(outputs, alice, Acked) == events(outputs, bob, Acked) == []
    assert [(turned.n, turned.code, turned.retry_ms) for turned in events(outputs, alice, Turned)] == [
        (2, "store", 1000)
    ]
    assert [(turned.n, turned.code) for turned in events(outputs, bob, Turned)] == [(1, "store")]
    assert [(error.id, error.code) for error in line.heard(Error)] == [("x", "store"), ("y", "store"), ("x", "store")]
    assert line.heard(Ack) == []
    assert house.broker.sequencer.outage.on
    assert house.broker.rooms["lobby"].head == 1

    full(house, False)
    house.publish(bob, "b1", 1)
    for n in (2, 3, 4):
        house.publish(alice, f"a{n}", n)
    house.line_port.publish(line, "lobby", MsgDraft(text="line", id="x"))
    outputs = house.take()
    assert events(outputs, alice, Acked) == [Acked(room="lobby", n=2, seqs=[3, 4, 5])]
    assert events(outputs, bob, Acked) == [Acked(room="lobby", n=1, seqs=[2])]
    assert line.heard(Ack) == [Ack("x", "lobby", 6)]
    assert [(message.seq, message.prev) for message in house.log()] == [(seq, seq - 1) for seq in range(1, 7)]


def test_a_failing_store_still_acknowledges_what_it_has(house: House) -> None:
    alice, line = house.join("alice"), house.line("carol")
    house.publish(alice, "one", 1)
    house.line_port.publish(line, "lobby", MsgDraft(text="two", id="x"))
    house.take()
    line.items.clear()
    full(house, True)
    house.publish(alice, "one", 1)
    house.line_port.publish(line, "lobby", MsgDraft(text="two", id="x"))
    house.publish(alice, "three", 2)
    outputs = house.take()
    assert events(outputs, alice, Acked) == [Acked(room="lobby", n=1, seqs=[1])]
    assert line.heard(Ack) == [Ack("x", "lobby", 2)]


def test_notices_go_out_though_the_store_fails(house: House) -> None:
    alice = house.join("alice")
    house.take()
    full(house, True)
    house.publish(alice, "lost for now", 1)
    bob = house.join("bob")
    outputs = house.take()
    assert [message.text for message in on_bus(outputs) if isinstance(message, Notice)] == ["bob joined"]
    assert bob in house.broker.rooms["lobby"].seats


def test_a_gap_and_a_full_store_in_one_batch_are_told_as_one(house: House) -> None:
    alice = house.join("alice")
    house.take()
    full(house, True)
    house.publish(alice, "one", 1)
    house.publish(alice, "three", 3)
    (turned,) = events(house.take(), alice, Turned)
    assert (turned.n, turned.code, turned.retry_ms) == (1, "store", 1000)


def test_a_number_refused_for_good_keeps_its_place_in_an_undone_batch(house: House) -> None:
    alice = house.join("alice")
    house.take()
    bad = DataDraft(value=nested(70), n=2)
    full(house, True)
    house.publish(alice, "one", 1)
    house.publish_draft(alice, bad)
    house.publish(alice, "three", 3)
    (turned,) = events(house.take(), alice, Turned)
    assert (turned.n, turned.code) == (1, "store")
    full(house, False)
    house.publish(alice, "one", 1)
    house.publish_draft(alice, bad)
    house.publish(alice, "three", 3)
    assert [(turned.n, turned.code) for turned in events(house.take(), alice, Turned)] == [(2, "invalid")]
    assert house.texts() == ["one", "three"]


@pytest.mark.parametrize("number", [0, -1, 1 << 63, (1 << 64) - 1])
def test_numbers_out_of_range_are_refused(house: House, number: int) -> None:
    alice = house.join("alice")
    house.publish(alice, "x", number)
    outputs = house.take()
    assert events(outputs, alice, Acked) == []
    assert len(events(outputs, alice, Turned)) == 1
    assert house.log() == []


def test_ids_are_bounded(house: House) -> None:
    alice = house.join("alice")
    house.publish(alice, "x", id="i" * (ID_CHARS + 1))
    assert [turned.code for turned in events(house.take(), alice, Turned)] == ["invalid"]
    house.publish(alice, "x", id="i" * ID_CHARS)
    house.publish(alice, "x", id="i" * ID_CHARS)
    house.take()
    assert len(house.log()) == 1


def test_two_nameless_guests_may_use_the_same_id(house: House) -> None:
    one, two = house.line(), house.line()
    house.line_port.publish(one, "lobby", MsgDraft(text="of one", id="1"))
    house.line_port.publish(two, "lobby", MsgDraft(text="of two", id="1"))
    house.line_port.publish(one, "lobby", MsgDraft(text="of one", id="1"))
    house.take()
    assert house.texts() == ["of one", "of two"]
    assert one.heard(Ack) == [Ack("1", "lobby", 1), Ack("1", "lobby", 1)]
    assert two.heard(Ack) == [Ack("1", "lobby", 2)]


# Without memory ------------------------------------------------------------------------------------------------


def test_a_batch_that_finds_no_memory_is_not_there_in_part(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = house.join("alice")
    house.publish(alice, "one", 1)
    house.take()
    encode, left = sequencer._encode, [2]

    def starved(message: Any) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise MemoryError
        return encode(message)

    monkeypatch.setattr(sequencer, "_encode", starved)
    drafts: list[Draft] = [MsgDraft(text=f"t{n}", n=n) for n in range(2, 7)]
    with pytest.raises(MemoryError):
        house.ingress.frame(alice, batch.frames("lobby", [batch.encode_body(each) for each in drafts])[0], house.now)
    with pytest.raises(MemoryError):
        house.publish(alice, "t2", 2)
    monkeypatch.undo()
    house.take()
    for n in range(2, 7):
        house.publish(alice, f"t{n}", n)
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=2, seqs=[2, 3, 4, 5, 6])]
    assert house.texts() == ["one", "t2", "t3", "t4", "t5", "t6"]


def test_what_is_stored_and_could_not_be_said_is_not_stored_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = house.join("alice")
    house.publish(alice, "one", 1)

    def starved(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(sequencer, "answers_to_sessions", starved)
    with pytest.raises(MemoryError):
        house.take()
    monkeypatch.undo()
    house.publish(alice, "one", 1)
    house.publish(alice, "two", 2)
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=1, seqs=[1, 2])]
    assert house.texts() == ["one", "two"]


def test_a_store_without_memory_is_an_outage_and_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = house.join("alice")

    def starved(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(house.store, "commit", starved)
    house.publish(alice, "one", 1)
    (turned,) = events(house.take(), alice, Turned)
    assert (turned.code, "no memory" in turned.text) == ("store", True)
    monkeypatch.undo()
    house.publish(alice, "one", 1)
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=1, seqs=[1])]
