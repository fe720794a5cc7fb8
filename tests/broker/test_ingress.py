"""What publishers send: rate, form and rights, frame by frame and in batches."""

from __future__ import annotations

import pytest

from sandpiper.broker import core as module
from sandpiper.broker import ingress
from sandpiper.broker.core import Rules
from sandpiper.broker.outputs import ToSession
from sandpiper.broker.session import ClientSession
from sandpiper.common import batch, control, frame
from sandpiper.common.control import Acked, Turned
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import BODY_BYTES
from sandpiper.common.messages import Ack, DataDraft, MsgDraft
from tests.broker.fixture import House, events, nested, on_bus


def tool(house: House, draft: MsgDraft | DataDraft, room: str = "pine") -> None:
    kind = "msg" if isinstance(draft, MsgDraft) else "data"
    house.ingress.frame(house.broker.tools, frame.encode(room, kind, draft), house.now)


def test_tools_are_stamped_unverified(house: House) -> None:
    tool(house, MsgDraft(nick="thermo", text="21.4 C", n=77))
    tool(house, MsgDraft(text="nameless"))
    house.take()
    first, second = house.log("pine")
    assert (first.nick, first.from_, first.verified, first.seq) == ("thermo", None, False, 1)
    assert (second.nick, second.seq) == ("anon", 2)
    assert first.id != second.id


def test_tools_may_not_use_a_members_nick(house: House) -> None:
    house.join("alice", "pine")
    house.line("carol", "pine")
    for taken in ("alice", "ALICE", "carol", "a/b"):
        tool(house, MsgDraft(nick=taken, text="forged"))
    house.take()
    assert house.log("pine") == []
    assert house.broker.sequencer.refused[Code.NICK_TAKEN] == 3
    assert house.broker.sequencer.refused[Code.INVALID] == 1


def test_tools_ids_are_taken_once(house: House) -> None:
    for _ in range(2):
        tool(house, MsgDraft(nick="thermo", text="x", id="1"))
    tool(house, MsgDraft(nick="other", text="x", id="1"))
    house.take()
    house.restart()
    tool(house, MsgDraft(nick="thermo", text="x", id="1"))
    house.take()
    assert [message.nick for message in house.log("pine")] == ["thermo", "other"]


def test_malformed_frames_are_dropped_and_counted(house: House) -> None:
    for bad in (
        b"",
        b"pine/msg",
        b"\0",
        b"pine/msg\0",
        b"pine/join\0\x80",
        b"a b/msg\0\x81\xa4text\xa1x",
        b"\xff\0\x80",
    ):
        house.ingress.frame(house.broker.tools, bad, house.now)
    assert house.take() == []
    assert house.broker.sequencer.refused[Code.INVALID] == 7
    assert house.broker.rooms == {}


def test_topics_known_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingress, "ROOMS", 3)
    monkeypatch.setattr(module, "ROOMS", 3)
    for number in range(50):
        house.ingress.frame(house.broker.tools, b"r%d/msg\0\x81\xa4text\xa1x" % number, house.now)
    assert len(house.ingress._topics) <= 13


def test_publishing_where_one_is_not_is_refused(house: House) -> None:
    alice = house.join("alice")
    house.take()
    house.publish(alice, "x", 1, "pine")
    (output,) = house.take()
    assert isinstance(output, ToSession)
    assert isinstance(output.message, control.Turned)
    assert (output.message.code, output.message.retry_ms) == ("not_joined", 1000)


def test_a_guests_publication_fits_the_bus(house: House) -> None:
    line = house.line("carol")
    for bad in (DataDraft(value=10**30), DataDraft(value=[0.5] * 7000), MsgDraft(text="x" * BODY_BYTES)):
        with pytest.raises(Refusal):
            house.line_port.publish(line, "lobby", bad)
    house.line_port.publish(line, "lobby", MsgDraft(text="fine", id="1"))
    house.take()
    assert house.texts() == ["fine"]
    assert line.heard(Ack) == [Ack("1", "lobby", 1)]


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


def test_past_a_hole_even_the_bad_is_a_gap(house: House) -> None:
    alice = house.join("alice")
    house.publish_draft(alice, DataDraft(value=nested(70), n=2))
    assert [(turned.n, turned.code) for turned in events(house.take(), alice, Turned)] == [(2, "gap")]


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
