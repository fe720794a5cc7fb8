from __future__ import annotations

from typing import Any, get_args

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common import codec, control
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import ERROR_CHARS
from tests.common.refusals import refusal_of

REQUESTS = get_args(control.AnyRequest)
ANSWERS = get_args(control.AnyAnswer)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def comparable(message: Any) -> bool:
    """Whether msgpack can say its numbers, and it equals itself."""
    try:
        control.encode(message)
    except OverflowError:
        return False
    return "nan" not in repr(message)


def filled(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any message of this kind, its fields drawn by their types."""
    fields = {field.name: st.from_type(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields).filter(comparable)


requests = st.one_of(*map(filled, REQUESTS))
answers = st.one_of(*map(filled, ANSWERS))


@given(requests)
def test_requests_go_round(request: control.AnyRequest) -> None:
    raw = control.encode(request)
    assert control.decode_request(raw) == request
    assert codec.request_number(raw) == max(request.r, 0)


@given(answers)
def test_answers_go_round(answer: control.AnyAnswer) -> None:
    assert control.decode_answer(control.encode(answer)) == answer


@given(st.one_of(requests, answers))
def test_msgpack_reads_the_same(message: Any) -> None:
    raw = control.encode(message)
    meaning = msgpack.unpackb(raw)
    assert meaning == msgspec.to_builtins(message, builtin_types=(bytes,))
    assert msgpack.packb(meaning) == raw


kinds = st.sampled_from([kind.__struct_config__.tag for kind in (*REQUESTS, *ANSWERS)])
wild = st.one_of(
    st.binary(max_size=100),
    values.map(msgpack.packb),
    st.builds(lambda kind, more: msgpack.packb({**more, "type": kind}), kinds, st.dictionaries(st.text(), values)),
    st.builds(lambda message, at: control.encode(message)[:at], requests, st.integers(0, 50)),
)


@given(wild)
def test_nothing_but_refusals_comes_of_garbage(raw: bytes) -> None:
    for decode in (control.decode_request, control.decode_answer):
        refusal = refusal_of(decode, raw)
        if refusal:
            assert refusal.code is Code.INVALID
            assert refusal.text.isprintable() or not refusal.text.isascii()
            assert len(refusal.text) <= ERROR_CHARS + 20
    assert 0 <= codec.request_number(raw) < 1 << 64


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x81", b"\x91" * 100_000, b"\xdf\xff\xff\xff\xff", b"\xa1\xff"])
def test_broken_frames(raw: bytes) -> None:
    with pytest.raises(Refusal, match="not a request: "):
        control.decode_request(raw)
    with pytest.raises(Refusal, match="not an answer: "):
        control.decode_answer(raw)
    assert codec.request_number(raw) == 0


def test_a_refusal_does_not_hand_on_what_a_stranger_wrote() -> None:
    with pytest.raises(Refusal) as caught:
        control.decode_request(msgpack.packb({"type": "\x1b[2J\n" * 10_000, "r": 1}))
    assert caught.value.text.isprintable()
    assert len(caught.value.text) <= ERROR_CHARS + 20


def test_unknown_fields_are_ignored() -> None:
    assert control.decode_request(msgpack.packb({"type": "ping", "r": 1, "later": [1]})) == control.Ping(r=1)


def test_no_two_kinds_share_a_tag() -> None:
    for family in (REQUESTS, ANSWERS):
        assert len({kind.__struct_config__.tag for kind in family}) == len(family)
