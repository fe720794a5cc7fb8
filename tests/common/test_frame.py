from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common import frame
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import BODY_BYTES, DATA_DEPTH, ERROR_CHARS
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import DRAFTS, Data, DataDraft, Me, MeDraft, Msg, MsgDraft, Notice
from tests.common.refusals import refusal_of

rooms = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)
integers = st.integers(-(2**63), 2**64 - 1)
values = st.recursive(
    st.none() | st.booleans() | integers | st.floats(allow_nan=False) | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
maybe_text = st.none() | st.text(max_size=10)
numbering: dict[str, Any] = {"nick": maybe_text, "id": maybe_text, "n": st.none() | integers}
drafts = st.one_of(
    st.tuples(st.just("msg"), st.builds(MsgDraft, text=st.text(), **numbering)),
    st.tuples(st.just("me"), st.builds(MeDraft, text=st.text(), **numbering)),
    st.tuples(st.just("data"), st.builds(DataDraft, value=values, **numbering)),
)
stamps: dict[str, Any] = {
    "nick": st.text(max_size=10),
    "ts": integers,
    "room": rooms,
    "seq": integers,
    "prev": integers,
    "run": st.text(max_size=10),
    "id": st.text(max_size=10),
    "from_": maybe_text,
    "verified": st.booleans(),
}
stamped = st.one_of(
    st.tuples(st.just("msg"), st.builds(Msg, text=st.text(), **stamps)),
    st.tuples(st.just("me"), st.builds(Me, text=st.text(), **stamps)),
    st.tuples(st.just("data"), st.builds(Data, value=values, **stamps)),
    st.tuples(st.just("notice"), st.builds(Notice, text=st.text(), ts=integers, was=maybe_text, from_=maybe_text)),
)


@given(rooms, drafts)
def test_drafts_go_round(room: str, draft: tuple[str, MsgDraft | MeDraft | DataDraft]) -> None:
    kind, message = draft
    name, body = frame.split(frame.encode(room, kind, message))
    assert frame.read_topic(name) == (room, kind)
    assert frame.decode_draft(kind, body) == message


@given(rooms, stamped)
def test_stamped_messages_go_round(room: str, message: tuple[str, Msg | Me | Data | Notice]) -> None:
    kind, said = message
    assert frame.decode(frame.encode(room, kind, said)) == said


@given(rooms, drafts)
def test_the_body_is_a_plain_msgpack_map(room: str, draft: tuple[str, msgspec.Struct]) -> None:
    kind, message = draft
    _, body = frame.split(frame.encode(room, kind, message))
    meaning = msgpack.unpackb(body)
    assert meaning == msgspec.to_builtins(message, builtin_types=(bytes,))
    assert frame.decode_draft(kind, msgpack.packb(meaning)) == message


wild = st.one_of(
    st.binary(max_size=200),
    st.tuples(st.sampled_from([b"r/msg\0", b"r/data\0", b"r/\0", b"/msg\0"]), st.binary(max_size=100)).map(b"".join),
    st.tuples(st.sampled_from(["msg", "me", "data", "notice"]), values).map(
        lambda pair: f"r/{pair[0]}\0".encode() + msgpack.packb({"type": pair[0], "text": pair[1], "value": pair[1]})
    ),
)


def published(raw: bytes) -> None:
    """What a broker does with a frame: reads it all, and says it again on both wires."""
    name, body = frame.split(raw)
    room, kind = frame.read_topic(name)
    draft = frame.decode_draft(kind, body)
    assert encode_line(draft)
    assert frame.encode(room, kind, draft)


@given(wild)
def test_nothing_but_refusals_comes_of_garbage(raw: bytes) -> None:
    for decode in (frame.decode, published):
        refusal = refusal_of(decode, raw)
        assert refusal is None or refusal.code is Code.INVALID


@pytest.mark.parametrize(
    "raw", [b"", b"lobby", b"/msg", b"lobby/", b"lobby/sealed", b"lobby/notice", b"a b/msg", b"\xff/msg", b"a/b/msg"]
)
def test_bad_topics(raw: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        frame.read_topic(raw)
    assert caught.value.code is Code.INVALID


def test_a_frame_needs_a_nul() -> None:
    with pytest.raises(Refusal, match="topic, NUL, msgpack map"):
        frame.split(b"lobby/msg")


def test_the_topic_ends_at_the_first_nul() -> None:
    assert frame.split(b"a/msg\0b\0c") == (b"a/msg", b"b\0c")


def test_a_body_is_bounded() -> None:
    with pytest.raises(Refusal) as caught:
        frame.decode_draft("msg", b"x" * (BODY_BYTES + 1))
    assert caught.value.code is Code.TOO_LARGE


def test_an_unknown_type_is_no_message_and_no_error() -> None:
    assert frame.decode(b"lobby/sealed\0\xff\xff") is None
    assert frame.decode(b"lobby/\xff\0\x80") is None


@pytest.mark.parametrize("kind", list(DRAFTS))
def test_the_body_must_be_of_the_topics_type(kind: str) -> None:
    body = msgpack.packb({"type": "other", "text": "x", "value": 1})
    with pytest.raises(Refusal, match=f"not a {kind}: "):
        frame.decode_draft(kind, body)
    with pytest.raises(Refusal, match="not a message: "):
        frame.decode(f"r/{kind}\0".encode() + body)


@pytest.mark.parametrize("open_level", [b"\x91", b"\x81\xa1k"])
def test_nesting_is_bounded_far_from_the_interpreters_own_limit(open_level: bytes) -> None:
    head = b"\x82\xa4type\xa4data\xa5value"
    assert frame.decode_draft("data", head + open_level * (DATA_DEPTH - 1) + b"\x01")
    for depth in (DATA_DEPTH + 1, 500, 10_000):
        with pytest.raises(Refusal) as caught:
            frame.decode_draft("data", head + open_level * depth + b"\x01")
        assert caught.value.code is Code.INVALID
    deep = {"type": "data", "value": 1, "nick": "a", "ts": 1, "room": "r", "seq": 1, "prev": 0}
    deep |= {"run": "r", "id": "i", "from": None, "verified": False}
    for _ in range(DATA_DEPTH + 1):
        deep["value"] = [deep["value"]]
    with pytest.raises(Refusal, match="nested"):
        frame.decode(b"r/data\0" + msgpack.packb(deep))


def test_a_refusal_does_not_hand_on_what_a_stranger_wrote() -> None:
    body = msgpack.packb({"type": "\x1b[2J\n" * 10_000, "text": ""})
    with pytest.raises(Refusal) as caught:
        frame.decode_draft("msg", body)
    assert caught.value.text.isprintable()
    assert len(caught.value.text) <= ERROR_CHARS + 20


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800", object()])
def test_what_msgpack_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(Refusal, match="not a data: ") as caught:
        frame.encode("r", "data", DataDraft(value=value))
    assert caught.value.code is Code.INVALID
