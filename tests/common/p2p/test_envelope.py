from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.errors import Refusal
from sandpiper.common.limits import ENVELOPE_BYTES, ENVELOPE_ENTRIES
from sandpiper.common.p2p import envelope
from sandpiper.common.p2p.envelope import NO_HASH, TALK, conflict, genuine, parse
from tests.common.p2p.examples import ROOM, RUN, SESSION, SIGNING, sign
from tests.common.refusals import refusal_of

FIRST = sign(TALK, 1, 2, NO_HASH, b"\x92\x01\x02")


def test_what_is_signed_reads_back_and_is_genuine() -> None:
    assert parse(FIRST.raw) == FIRST
    assert FIRST.last == 2
    assert genuine(FIRST)


@given(st.integers(0, len(FIRST.raw) - 1), st.integers(1, 255))
def test_altered_anywhere_it_is_no_envelope_or_not_genuine(at: int, change: int) -> None:
    raw = bytearray(FIRST.raw)
    raw[at] ^= change
    try:
        found = parse(bytes(raw))
    except Refusal:
        return
    assert not genuine(found)


@given(st.binary(max_size=400))
def test_of_garbage_nothing_but_refusals_comes(raw: bytes) -> None:
    refusal = refusal_of(parse, raw)
    assert refusal is None or refusal.text.startswith("not an envelope: ")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (FIRST.raw[:100], "its size"),
        (FIRST.raw + bytes(ENVELOPE_BYTES), "its size"),
        (sign(2, 1, 1, NO_HASH, b"x").raw, "its header"),
        (sign(TALK, 0, 1, NO_HASH, b"x").raw, "its header"),
        (sign(TALK, 1, 0, NO_HASH, b"x").raw, "its header"),
        (sign(TALK, 1, ENVELOPE_ENTRIES + 1, NO_HASH, b"x").raw, "its header"),
        (envelope.sign(SIGNING, SESSION, ROOM, RUN, TALK, 1, 1, 1 << 62, NO_HASH, b"x").raw, "its clock"),
        (FIRST.raw + b"x", "its body is another"),
    ],
)
def test_what_is_out_of_bounds_is_no_envelope(raw: bytes, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        parse(raw)


def test_two_histories_of_one_log_are_a_conflict() -> None:
    second = sign(TALK, 3, 1, FIRST.hash, b"second")
    assert not conflict(FIRST, FIRST)
    assert not conflict(FIRST, second)
    assert conflict(FIRST, sign(TALK, 2, 1, NO_HASH, b"again"))
    assert conflict(sign(TALK, 3, 1, b"h" * 32, b"second"), FIRST)
    assert not conflict(FIRST, sign(TALK, 4, 1, b"h" * 32, b"later"))


@pytest.mark.parametrize(("first", "clock", "back"), [(3, 8, True), (3, 9, False), (9, 14, True), (9, 15, False)])
def test_a_log_whose_clock_goes_back_is_a_conflict(first: int, clock: int, back: bool) -> None:
    later = envelope.sign(SIGNING, SESSION, ROOM, RUN, TALK, first, 1, clock, FIRST.hash, b"x")
    assert conflict(FIRST, later) is conflict(later, FIRST) is back


def test_a_session_has_one_run() -> None:
    other_run = envelope.sign(SIGNING, SESSION, ROOM, b"q" * 16, TALK, 9, 1, 7, NO_HASH, b"x")
    assert conflict(FIRST, other_run)
    other_room = envelope.sign(SIGNING, SESSION, b"q" * 32, b"q" * 16, TALK, 9, 1, 7, NO_HASH, b"x")
    assert not conflict(FIRST, other_room)
