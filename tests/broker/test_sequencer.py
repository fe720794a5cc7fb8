"""Numbering, stamping and storing: what is staged, what a flush makes of it, and what a failed one undoes."""

from __future__ import annotations

from typing import Any

import pytest

from sandpiper.broker import sequencer
from sandpiper.broker.core import Rules
from sandpiper.broker.outputs import ToBus, ToSession
from sandpiper.broker.session import ClientSession
from sandpiper.common import batch, control
from sandpiper.common.control import Acked, Push, Turned
from sandpiper.common.errors import Code
from sandpiper.common.limits import BODY_BYTES, FRAME_BYTES, ID_CHARS
from sandpiper.common.messages import Ack, DataDraft, Draft, Error, MeDraft, Msg, MsgDraft, Notice
from tests.broker.fixture import FullStore, House, events, on_bus


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


def test_acks_are_coalesced_and_kept_apart_by_room_and_session(house: House) -> None:
    alice, bob = house.join("alice"), house.join("bob")
    house.ask(alice.key or b"", control.Join(r=3, room="pine", nick="alice"))
    for n in (1, 2, 3):
        house.publish(alice, "x", n)
        house.publish(bob, "y", n)
    house.publish(alice, "z", 1, "pine")
    outputs = house.take()
    assert events(outputs, alice, Acked) == [
        Acked(room="lobby", n=1, seqs=[1, 3, 5]),
        Acked(room="pine", n=1, seqs=[1]),
    ]
    assert events(outputs, bob, Acked) == [Acked(room="lobby", n=1, seqs=[2, 4, 6])]


def test_a_repeated_number_is_acknowledged_with_its_first_seq(house: House) -> None:
    alice = house.join("alice")
    for n in (1, 2, 1, 2, 3):
        house.publish(alice, f"t{n}", n)
    outputs = house.take()
    assert [(event.n, event.seqs) for event in events(outputs, alice, Acked)] == [(1, [1, 2]), (1, [1, 2, 3])]
    house.publish(alice, "t2", 2)
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=2, seqs=[2])]
    assert house.texts() == ["t1", "t2", "t3"]


def test_numbers_and_ids_are_known_after_a_restart(house: House) -> None:
    alice, line = house.join("alice"), house.line("bob")
    house.publish(alice, "one", 1)
    house.line_port.publish(line, "lobby", MsgDraft(text="by line", id="x"))
    house.take()
    house.restart()
    alice, line = house.join("alice"), house.line("bob")
    house.publish(alice, "one", 1)
    house.publish(alice, "two", 2)
    house.line_port.publish(line, "lobby", MsgDraft(text="by line", id="x"))
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=1, seqs=[1, 3])]
    assert line.heard(Ack) == [Ack("x", "lobby", 2)]
    assert house.texts() == ["one", "by line", "two"]


def test_numbers_survive_the_pruning_of_old_ones(house: House) -> None:
    alice = house.join("alice")
    house.publish(alice, "one", 1)
    house.take()
    assert house.store.prune(1_700_001_000.0 + 3600) == []
    house.restart()
    alice = house.join("alice")
    house.publish(alice, "one", 1)
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=1, seqs=[1])]


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


def test_too_fast_is_turned_away_once_a_batch() -> None:
    house = House(rules=Rules(messages_per_s=1, bytes_per_s=1e9))
    alice = house.join("alice")
    for n in range(1, 50):
        house.publish(alice, "x", n)
    outputs = house.take()
    (turned,) = events(outputs, alice, Turned)
    assert turned.code == "rate"
    assert turned.retry_ms is not None
    assert 0 < turned.retry_ms <= 1001
    stored = len(house.texts())
    assert 1 <= stored < 49
    house.now += turned.retry_ms / 1000
    house.publish(alice, "x", stored + 1)
    assert [event.seqs for event in events(house.take(), alice, Acked)] == [[stored + 1]]
    house.store.close()


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


def test_what_is_refused_for_good_leaves_no_hole(house: House) -> None:
    alice = house.join("alice")
    house.publish(alice, "one", 1)
    house.publish_draft(alice, DataDraft(value=nested(70), n=2))
    house.publish(alice, "three", 3)
    outputs = house.take()
    assert [(turned.n, turned.code, turned.retry_ms) for turned in events(outputs, alice, Turned)] == [
        (2, "invalid", None)
    ]
    assert house.texts() == ["one", "three"]
    house.restart()
    alice = house.join("alice")
    house.publish(alice, "four", 4)
    house.take()
    assert house.texts() == ["one", "three", "four"]


def test_what_is_too_large_leaves_no_hole(house: House) -> None:
    alice = house.join("alice")
    house.publish(alice, "x" * (BODY_BYTES + 1), 1)
    house.publish(alice, "two", 2)
    assert [(turned.n, turned.code) for turned in events(house.take(), alice, Turned)] == [(1, "too_large")]
    assert house.texts() == ["two"]


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


def test_past_a_hole_even_the_bad_is_a_gap(house: House) -> None:
    alice = house.join("alice")
    house.publish_draft(alice, DataDraft(value=nested(70), n=2))
    assert [(turned.n, turned.code) for turned in events(house.take(), alice, Turned)] == [(2, "gap")]


@pytest.mark.parametrize("number", [0, -1, 1 << 63, (1 << 64) - 1])
def test_numbers_out_of_range_are_refused(house: House, number: int) -> None:
    alice = house.join("alice")
    house.publish(alice, "x", number)
    outputs = house.take()
    assert events(outputs, alice, Acked) == []
    assert len(events(outputs, alice, Turned)) == 1
    assert house.log() == []


def test_bad_frames_are_told_of_once_a_batch(house: House) -> None:
    alice = house.join("alice")
    house.take()
    house.ask(
        alice.key or b"", control.Publish(r=0, frames=[b"", b"lobby/msg\0\xc1", b"lobby", b"\xff/msg\0\x80"] * 50)
    )
    assert len(events(house.take(), alice, Turned)) <= 2


def test_bad_frames_cost_their_rate() -> None:
    house = House(rules=Rules(messages_per_s=10, bytes_per_s=1e9))
    alice = house.join("alice")
    for _ in range(100):
        house.ingress.frame(alice, b"lobby/msg\0\xc1", house.now)
    house.publish(alice, "x", 1)
    house.take()
    assert house.log() == []
    assert house.broker.sequencer.refused[Code.RATE] > 0
    house.store.close()


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


def test_pushes_are_split_below_the_frame_limit(house: House) -> None:
    alice, bob = house.join("alice"), house.join("bob")
    assert isinstance(house.ask(bob.key or b"", control.Subscribe(r=9, room="lobby")), control.Done)
    house.take()
    for n in range(1, 61):
        house.publish(alice, "x" * 50_000, n)
    outputs = house.take()
    pushes = events(outputs, bob, Push)
    assert len(pushes) > 1
    assert all(len(control.encode(push)) <= FRAME_BYTES for push in pushes)
    frames = [each for push in pushes for each in push.frames]
    assert frames == [each for output in outputs if isinstance(output, ToBus) for each in output.fanout.batches]
    assert not [
        output
        for output in outputs
        if isinstance(output, ToSession) and output.session is alice and isinstance(output.message, Push)
    ]


def test_many_tiny_frames_fit_a_push(house: House) -> None:
    alice, bob = house.join("alice"), house.join("bob")
    house.ask(bob.key or b"", control.Subscribe(r=9, room="lobby"))
    for n in range(1, 5001):
        house.publish(alice, "", n)
    assert all(len(control.encode(push)) <= FRAME_BYTES for push in events(house.take(), bob, Push))


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


# Batches --------------------------------------------------------------------------------------------------------


def send(house: House, session: ClientSession, *bodies: bytes, room: str = "lobby") -> None:
    house.ingress.frame(session, batch.topic(room) + b"\0" + batch.pack(bodies), house.now)


def body(text: str, n: int | None = None) -> bytes:
    return batch.encode_body(MsgDraft(text=text, n=n))


def test_a_batch_is_taken_whole(house: House) -> None:
    alice = house.join("alice")
    send(house, alice, *[body(f"t{n}", n) for n in range(1, 6)])
    assert events(house.take(), alice, Acked) == [Acked(room="lobby", n=1, seqs=[1, 2, 3, 4, 5])]
    assert house.texts() == [f"t{n}" for n in range(1, 6)]


def test_a_bad_one_in_a_batch_costs_the_others_nothing(house: House) -> None:
    alice = house.join("alice")
    bad = batch.encode_body(DataDraft(value=nested(70), n=2))
    send(house, alice, body("one", 1), bad, body("three", 3), body("four", 4))
    outputs = house.take()
    assert house.texts() == ["one", "three", "four"]
    assert [turned.n for turned in events(outputs, alice, Turned) if turned.n] == [2]


def test_a_batch_past_a_hole_is_turned_away_once(house: House) -> None:
    alice = house.join("alice")
    send(house, alice, *[body("x", n) for n in range(2, 50)])
    assert [(turned.n, turned.code) for turned in events(house.take(), alice, Turned)] == [(2, "gap")]


def test_a_batch_over_the_rate_is_taken_up_to_there() -> None:
    house = House(rules=Rules(messages_per_s=5, bytes_per_s=1e9))
    alice = house.join("alice")
    send(house, alice, *[body("x", n) for n in range(1, 50)])
    outputs = house.take()
    (acked,) = events(outputs, alice, Acked)
    assert len(acked.seqs) in (9, 10)  # the rate in binary fractions
    assert [(turned.n, turned.code) for turned in events(outputs, alice, Turned)] == [(len(acked.seqs) + 1, "rate")]
    house.store.close()


@pytest.mark.parametrize("bad", [b"", b"\xc1", b"\x80", b"\x91", b"\xdd\xff\xff\xff\xff", b"\x90"])
def test_what_is_no_batch_is_dropped(house: House, bad: bytes) -> None:
    alice = house.join("alice")
    house.take()
    for topic in (b"*/lobby/", b"*//", b"*/lobby", b"*/a b/", b"*/\xff/"):
        house.ingress.frame(alice, topic + b"\0" + bad, house.now)
    outputs = house.take()
    assert on_bus(outputs) == []
    assert len(events(outputs, alice, Turned)) <= 2


@pytest.mark.parametrize("each", [b"\x80", b"\xc0", b"\x81\xa4type\xa3msg"])
def test_a_frame_of_many_bad_ones_is_not_gone_through(house: House, each: bytes) -> None:
    alice = house.join("alice")
    count = 60_000
    house.ingress.frame(alice, b"*/lobby/\0\xdc" + count.to_bytes(2, "big") + each * count, house.now)
    assert sum(house.broker.sequencer.refused.values()) <= 501


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
