"""How far a CURVE connection is ahead, counted from outside."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.lead import CURVE_OVERHEAD, FRAME_LEAST, Lead

GREETING = b"\xff" + bytes(63)


def frame(octets: int, flags: int = 0) -> bytes:
    """What a message of so many octets is on the wire."""
    size = octets + CURVE_OVERHEAD
    head = bytes([flags, size]) if size < 256 else bytes([flags | 2]) + size.to_bytes(8, "big")
    return head + bytes(size)


def handshaken() -> Lead:
    lead = Lead()
    lead.sent(GREETING + frame(167, 4) + frame(224, 4))
    return lead


def test_a_greeting_and_the_handshake_count_until_the_first_message_has_come_out() -> None:
    lead = handshaken()
    assert lead.frames == 3
    lead.sent(frame(20))
    lead.surfaced(20)
    assert lead.octets == lead.frames == 0


def test_nothing_is_ahead_at_first_but_the_greeting_that_must_come() -> None:
    lead = Lead()
    assert lead.octets == 0
    assert lead.frames == 1


def test_whole_messages_are_counted_until_each_has_come_out() -> None:
    lead = handshaken()
    lead.sent(frame(50) * 1000)
    for left in range(999, -1, -1):
        lead.surfaced(50)
        assert lead.frames == left
        assert lead.octets == left * (50 + FRAME_LEAST)


def test_the_parts_of_a_message_that_never_ends_stay_counted() -> None:
    lead = handshaken()
    lead.sent(frame(10))
    lead.surfaced(10)
    for _ in range(100):
        lead.sent(frame(4000))
    lead.surfaced(10)  # of before: there is none of that length
    assert lead.frames == 100
    lead.sent(frame(10))
    lead.surfaced(10)
    assert lead.frames == 0


def test_heartbeats_of_an_idle_client_are_no_frames_but_octets() -> None:
    lead = handshaken()
    lead.sent(frame(10))
    lead.surfaced(10)
    ping, pong = frame(7), frame(5)
    lead.sent((ping + pong) * 2000)
    assert lead.frames == 0
    assert lead.octets == 2000 * (len(ping) + len(pong))
    lead.sent(frame(10))
    lead.surfaced(10)
    assert lead.octets == 0


def test_a_frame_that_has_begun_counts() -> None:
    lead = handshaken()
    lead.sent(frame(10))
    lead.surfaced(10)
    long = frame(100_000)
    for at in range(3, len(long), 20_000):
        lead.sent(long[at - 3 if at == 3 else at : at + 20_000])
        assert lead.frames == 1
    lead.surfaced(100_000)
    assert lead.octets == lead.frames == 0


def test_a_part_of_seven_octets_less_is_not_taken_for_the_message() -> None:
    """Its long header makes it as long as the message would be with a short one, which it is too long for."""
    lead = handshaken()
    lead.sent(frame(394, 1))
    lead.sent(frame(401))
    lead.surfaced(401)
    assert lead.octets == lead.frames == 0


@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["message", "part", "ping"])), max_size=60),
    st.randoms(use_true_random=False),
)
def test_never_less_than_what_is_there(frames: list[tuple[int, str]], chance: random.Random) -> None:
    """Cut anywhere, read at any time: what is counted is at least what stands in the ROUTER, and all is counted off."""
    lead, inside, waiting = handshaken(), 0, b""
    queue: list[tuple[int, int]] = []
    parts = 0
    for octets, kind in frames:
        data = frame(7 if kind == "ping" else octets)
        waiting += data
        cut = chance.randrange(len(waiting) + 1)
        lead.sent(waiting[:cut])
        waiting = waiting[cut:]
        lead.sent(waiting)
        waiting = b""
        parts += len(data)
        if kind == "message":  # the parts before it make it longer than one frame: handed to nobody in one piece
            queue.append((octets, parts))
            inside += parts
            parts = 0
        while queue and chance.random() < 0.5:
            size, held = queue.pop(0)
            inside -= held
            lead.surfaced(size)
        assert lead.octets >= inside + parts
    for size, _ in queue:
        lead.surfaced(size)
    lead.sent(frame(401))
    lead.surfaced(401)
    assert lead.octets == lead.frames == 0


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_anything_may_come(chunks: list[bytes]) -> None:
    lead = Lead()
    for chunk in chunks:
        lead.sent(chunk)
        lead.surfaced(len(chunk))
        assert lead.octets >= 0
        assert lead.frames >= 0
