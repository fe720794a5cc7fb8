"""A batch carries the very maps that would be frames of their own."""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common import batch
from sandpiper.common.errors import Refusal
from sandpiper.common.limits import BATCH_BYTES, BATCH_MESSAGES, BODY_BYTES
from sandpiper.common.messages import Draft, MeDraft, Msg, MsgDraft, Notice

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def stamped(seq: int, text: str = "hi") -> Msg:
    return Msg("alice", text, 1_735_812_345, "lobby", seq, seq - 1, "0" * 32, f"id-{seq}", None, False)


@given(st.lists(TEXT, max_size=40))
def test_drafts_go_round(texts: list[str]) -> None:
    drafts: list[Draft] = [MsgDraft(text=text, n=n) for n, text in enumerate(texts, 1)]
    body = batch.pack([batch.encode_body(draft) for draft in drafts])
    assert batch.decode_drafts(body) == drafts
    assert [each["text"] for each in msgpack.unpackb(body)] == texts


@pytest.mark.parametrize("count", [0, 1, 15, 16, 500, 65_535])
def test_an_array_is_msgpack(count: int) -> None:
    assert msgpack.unpackb(batch.pack([b"\x01"] * count)) == [1] * count


def test_messages_and_notices_come_in_order() -> None:
    said = [stamped(1), Notice("bob joined", 1_735_812_345), stamped(2)]
    body = batch.pack([batch.encode_body(each) for each in said])
    assert batch.decode(body) == said


def test_what_is_not_known_is_passed_over() -> None:
    other = msgpack.packb({"type": "hologram", "seq": 2})
    body = batch.pack([batch.encode_body(stamped(1)), other, batch.encode_body(stamped(3))])
    assert [each.seq for each in batch.decode(body) if isinstance(each, Msg)] == [1, 3]


@given(st.lists(st.integers(1, BATCH_BYTES * 2), max_size=30))
def test_portions_keep_order_and_bounds(sizes: list[int]) -> None:
    bodies = [bytes(size) for size in sizes]
    portions = batch.portions(bodies)
    assert [body for some in portions for body in some] == bodies
    for some in portions:
        assert len(some) == 1 or sum(map(len, some)) <= BATCH_BYTES


def test_a_portion_has_a_bounded_count() -> None:
    assert [len(some) for some in batch.portions([b"x"] * (2 * BATCH_MESSAGES + 1))] == [BATCH_MESSAGES] * 2 + [1]


@given(st.binary(max_size=200))
def test_rubbish_is_refused(body: bytes) -> None:
    for decode in (batch.decode, batch.decode_drafts, batch.bodies, batch.kind_of):
        try:
            decode(body)
        except Refusal:
            continue


def test_one_that_is_too_large_refuses_the_batch() -> None:
    bodies = [batch.encode_body(MsgDraft(text="x" * size)) for size in (1, BODY_BYTES)]
    with pytest.raises(Refusal, match="at most"):
        batch.decode_drafts(batch.pack(bodies))
    assert batch.bodies(batch.pack(bodies)) == bodies


@pytest.mark.parametrize("room", ["lobby", "café", "a.b-c_d"])
def test_a_topic_names_a_room(room: str) -> None:
    assert batch.read_topic(batch.topic(room)) == room
    assert batch.is_topic(batch.topic(room))


@pytest.mark.parametrize("raw", [b"*/", b"*//", b"*/lobby", b"*/lob by/", b"lobby/msg", b"*/a/b/", b"*/\xff/"])
def test_other_topics_are_refused(raw: bytes) -> None:
    with pytest.raises(Refusal):
        batch.read_topic(raw)


def test_frames_begin_with_the_topic() -> None:
    values: list[Any] = [MsgDraft(text="a"), MeDraft(text="b")]
    (frame,) = batch.frames("lobby", [batch.encode_body(value) for value in values])
    assert frame.startswith(b"*/lobby/\0")
    assert batch.decode_drafts(frame.partition(b"\0")[2]) == values
