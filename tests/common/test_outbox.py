from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandpiper.common import outbox as module
from sandpiper.common.buckets import Meter
from sandpiper.common.limits import RESEND_AFTER_S, RESEND_MOST_S
from sandpiper.common.outbox import Outbox


def free() -> Meter:
    """No limit."""
    return Meter(inf, inf, 1.0)


def filled(count: int, *, opened: bool = True) -> Outbox:
    outbox = Outbox()
    for _ in range(count):
        add(outbox, 0.0)
    if opened:
        outbox.open(free(), 0.0)
    return outbox


def add(outbox: Outbox, now: float) -> int:
    number = outbox.next_number
    outbox.add(b"%d" % number, now)
    return number


def numbers(outbox: Outbox, now: float) -> list[int]:
    return [int(body) for body in outbox.take(now)]


def test_numbered_from_one_and_kept_while_there_is_no_way() -> None:
    outbox = filled(2, opened=False)
    assert (outbox.oldest, outbox.next_number, outbox.empty) == (1, 3, False)
    assert outbox.take(0.0) == []
    assert outbox.get_timer() is None
    outbox.open(free(), 1.0)
    assert numbers(outbox, 1.0) == [1, 2]
    assert numbers(outbox, 1.0) == []


def test_acknowledged_once() -> None:
    outbox = filled(4)
    outbox.take(0.0)
    assert outbox.acked(1, 2, 1.0) == [1, 2]
    assert outbox.acked(1, 3, 2.0) == [3]
    assert outbox.acked(7, 3, 2.0) == []
    assert outbox.progressed_at == 2.0
    assert (outbox.oldest, outbox.empty) == (4, False)
    outbox.acked(4, 1, 3.0)
    assert outbox.empty
    assert outbox.get_timer() is None


def test_a_new_way_sends_all_that_is_not_acknowledged() -> None:
    outbox = filled(3)
    outbox.take(0.0)
    outbox.acked(2, 1, 0.0)
    outbox.shut()
    assert (numbers(outbox, 1.0), outbox.get_timer()) == ([], None)
    outbox.open(free(), 2.0)
    assert numbers(outbox, 2.0) == [1, 3]


def test_what_is_late_is_sent_again_and_more_rarely() -> None:
    outbox = filled(2)
    now = 0.0
    assert numbers(outbox, now) == [1, 2]
    waits = []
    for _ in range(5):
        due = outbox.get_timer()
        assert due is not None
        waits.append(due - now)
        outbox.handle_timer(due - 0.01)
        assert numbers(outbox, due - 0.01) == []
        now = due
        outbox.handle_timer(now)
        assert numbers(outbox, now) == [1, 2]
    assert waits == [RESEND_AFTER_S, 2 * RESEND_AFTER_S, 4 * RESEND_AFTER_S, RESEND_MOST_S, RESEND_MOST_S]
    outbox.acked(1, 1, now)
    assert outbox.get_timer() == now + RESEND_AFTER_S


def test_refused_for_now_is_sent_again_when_told() -> None:
    outbox = filled(3)
    outbox.take(0.0)
    outbox.acked(1, 1, 0.0)
    outbox.refused(0.5, 1.0)
    assert outbox.get_timer() == 1.5
    assert numbers(outbox, 1.4) == []
    assert numbers(outbox, 1.5) == [2, 3]


def test_many_refusals_of_one_burst_are_answered_by_one_rewind() -> None:
    outbox = filled(3)
    outbox.take(0.0)
    outbox.refused(0.0, 1.0)
    assert numbers(outbox, 1.0) == [1, 2, 3]
    outbox.refused(0.0, 1.1)
    assert numbers(outbox, 1.1) == []
    outbox.refused(0.0, 1.3)
    assert numbers(outbox, 1.3) == [1, 2, 3]


def test_the_pace_is_kept() -> None:
    outbox = filled(5, opened=False)
    outbox.open(Meter(2.0, inf, 1.0), 0.0)
    assert numbers(outbox, 0.0) == [1, 2]
    due = outbox.get_timer()
    assert due is not None
    assert due == pytest.approx(0.5)
    outbox.handle_timer(due)
    assert numbers(outbox, due + 1e-9) == [3]


def test_the_window_says_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW_MESSAGES", 2)
    outbox = filled(1)
    assert not outbox.full
    add(outbox, 0.0)
    assert outbox.full
    outbox.acked(1, 1, 0.0)
    assert not outbox.full
    monkeypatch.setattr(module, "WINDOW_BYTES", 1)
    assert outbox.full
    outbox.acked(2, 1, 0.0)
    assert not outbox.full


class Receiver:
    """A broker that takes a number only when it has the one before, and may refuse for good."""

    def __init__(self) -> None:
        self.stored: list[int] = []
        self.taken = 0

    def hear(self, outbox: Outbox, number: int, good: bool, now: float) -> None:
        if number > self.taken + 1:
            outbox.refused(0.0, now)
        else:
            if number == self.taken + 1:
                self.taken = number
                if good:
                    self.stored.append(number)
            outbox.acked(number, 1, now)


DEEDS = st.sampled_from(["post", "post", "take", "ack lost", "frame lost", "late", "rate", "cut", "bad", "swap"])


@settings(max_examples=300)
@given(st.lists(st.tuples(DEEDS, st.integers(0, 5)), max_size=60))
def test_all_that_was_posted_is_stored_once_and_in_order(deeds: list[tuple[str, int]]) -> None:
    outbox, receiver, now = Outbox(), Receiver(), 0.0
    bad: set[int] = set()
    ever: set[int] = set()
    under_way: list[int] = []
    outbox.open(free(), now)
    for deed, count in deeds:
        now += 0.1
        if deed == "post":
            for _ in range(count):
                add(outbox, now)
        elif deed == "bad":
            bad.add(add(outbox, now))
        elif deed == "rate":
            outbox.refused(count / 5, now)
        elif deed == "cut":
            under_way.clear()
            outbox.shut()
            outbox.open(free(), now)
        elif deed == "late":
            now += RESEND_MOST_S
            outbox.handle_timer(now)
        elif deed == "frame lost":
            del under_way[:count]
        elif deed == "swap":
            under_way[:count] = reversed(under_way[:count])
        elif deed == "ack lost":
            for number in under_way[:count]:
                receiver.hear(Outbox(), number, number not in bad, now)
            del under_way[:count]
        sent = numbers(outbox, now)
        assert sent == sorted(set(sent))
        ever |= set(sent)
        # Nothing goes past a hole: whatever is below was sent before it, or is known to be there.
        assert not sent or set(range(outbox.oldest, sent[-1])) <= ever
        under_way += sent
        if deed == "take":
            for number in under_way[:count]:
                receiver.hear(outbox, number, number not in bad, now)
            del under_way[:count]
        assert outbox.oldest <= receiver.taken + 1
    for _ in range(100):
        for number in under_way:
            receiver.hear(outbox, number, number not in bad, now)
        if outbox.empty:
            break
        due = outbox.get_timer()
        assert due is not None
        now = max(now, due)
        outbox.handle_timer(now)
        under_way = numbers(outbox, now)
    assert outbox.empty
    assert receiver.stored == [number for number in range(1, outbox.next_number) if number not in bad]
