from __future__ import annotations

import pytest

from sandpiper.common.buckets import Meter
from sandpiper.common.limits import (
    RELAY_FLIGHT_BODIES,
    RELAY_FLIGHT_BYTES,
    RELAY_QUEUE_BODIES,
    RELAY_QUEUE_BYTES,
    RELAY_QUEUED_S,
    SEALED_BYTES,
)
from sandpiper.peer.p2p.relay.send_queue import RelayQueue


class Sender:
    """Sends what the queue gives, as requests numbered from 1."""

    def __init__(self) -> None:
        self.queue = RelayQueue()
        self.number = 0
        self.bodies: list[bytes] = []

    def send(self, now: float = 0.0) -> list[bytes]:
        """What goes now."""
        went = []
        while (waiting := self.queue.take(now)) is not None:
            self.number += 1
            self.queue.sent(self.number, waiting)
            went.append(waiting.body)
        return went


@pytest.fixture
def sender() -> Sender:
    return Sender()


def test_in_order_and_only_once(sender: Sender) -> None:
    for name in (b"a", b"b", b"c"):
        sender.queue.add([], name, 0.0)
    assert sender.send() == [b"a", b"b", b"c"]
    sender.queue.confirmed(4)
    sender.queue.shut()
    assert sender.send() == []
    assert sender.queue.dropped == 0


def test_what_was_under_way_goes_again_after_a_break(sender: Sender) -> None:
    for name in (b"a", b"b", b"c"):
        sender.queue.add([], name, 0.0)
    sender.send()
    sender.queue.confirmed(2)
    sender.queue.add([], b"d", 0.0)
    sender.queue.shut()
    assert sender.send() == [b"b", b"c", b"d"]


def test_over_the_bound_the_oldest_goes(sender: Sender) -> None:
    for number in range(RELAY_QUEUE_BODIES + 3):
        sender.queue.add([], b"%d" % number, 0.0)
    assert sender.queue.dropped == 3
    assert sender.send()[0] == b"3"
    other = Sender()
    for _ in range(RELAY_QUEUE_BYTES // SEALED_BYTES + 2):
        other.queue.add([], bytes(SEALED_BYTES), 0.0)
    assert other.queue.dropped == 2


def test_what_has_waited_too_long_is_dropped(sender: Sender) -> None:
    sender.queue.add([], b"old", 0.0)
    sender.queue.add([], b"new", 5.0)
    assert sender.send(RELAY_QUEUED_S + 1) == [b"new"]
    assert sender.queue.dropped == 1


def test_so_much_may_be_under_way(sender: Sender) -> None:
    for _ in range(RELAY_FLIGHT_BODIES + 10):
        sender.queue.add([], b"x", 0.0)
    assert len(sender.send()) == RELAY_FLIGHT_BODIES
    assert sender.queue.unsure
    assert sender.queue.get_timer() is None
    sender.queue.asked()
    assert not sender.queue.unsure
    sender.queue.confirmed(8)
    assert len(sender.send()) == 7
    other = Sender()
    for _ in range(2 * RELAY_FLIGHT_BYTES // SEALED_BYTES):
        other.queue.add([], bytes(SEALED_BYTES), 0.0)
    assert len(other.send()) == RELAY_FLIGHT_BYTES // SEALED_BYTES
    assert other.queue.unsure


def test_the_rate_holds_it_up(sender: Sender) -> None:
    sender.queue.open(Meter(2.0, 1000.0, 1.0), 0.0)
    for name in (b"a", b"b", b"c"):
        sender.queue.add([], name, 0.0)
    assert sender.send() == [b"a", b"b"]
    timer = sender.queue.get_timer()
    assert timer is not None
    assert timer == pytest.approx(0.5)
    assert sender.send(0.4) == []
    assert sender.send(timer) == [b"c"]
    assert sender.queue.get_timer() is None


def test_a_refusal_for_now_goes_again(sender: Sender) -> None:
    for name in (b"a", b"b"):
        sender.queue.add([], name, 0.0)
    sender.send()
    sender.queue.refused(1, 0.25, 1.0)
    sender.queue.confirmed(3)
    sender.queue.add([], b"c", 1.0)
    assert sender.send(1.2) == []
    assert sender.queue.get_timer() == 1.25
    assert sender.send(1.25) == [b"a", b"c"]
    sender.queue.refused(3, None, 1.3)
    sender.queue.refused(99, 1.0, 1.3)
    assert sender.queue.dropped == 1
    sender.queue.shut()
    assert sender.send(1.3) == [b"c"]
