"""The signs that large packets get lost: what was sent, what came back, and which connections broke meanwhile."""

from __future__ import annotations

import pytest

from sandpiper.common.buckets import Meter
from sandpiper.common.limits import CHOKED_BYTES, CHOKED_LINKS, CHOKED_S
from sandpiper.common.outbox import Outbox
from sandpiper.peer.path_loss import PathLoss

SENT_AT = 100.0


@pytest.fixture
def outbox() -> Outbox:
    outbox = Outbox()
    outbox.open(Meter(1000.0, 1e6, 1.0), SENT_AT)
    return outbox


def send(outbox: Outbox, size: int) -> None:
    outbox.add(b"x" * size, SENT_AT)
    assert outbox.take(SENT_AT)


def test_what_is_large_and_under_way_for_long_is_overdue(outbox: Outbox) -> None:
    loss = PathLoss(outbox)
    assert not loss.overdue(1e6), "nothing was sent"
    send(outbox, CHOKED_BYTES)
    assert not loss.overdue(SENT_AT + CHOKED_S - 0.1)
    assert loss.overdue(SENT_AT + CHOKED_S)
    loss.online(SENT_AT + CHOKED_S)  # before that it could not travel
    assert not loss.overdue(SENT_AT + 2 * CHOKED_S - 0.1)
    assert loss.overdue(SENT_AT + 2 * CHOKED_S)


def test_what_fits_any_packet_is_not(outbox: Outbox) -> None:
    loss = PathLoss(outbox)
    send(outbox, CHOKED_BYTES - 1)
    assert not loss.overdue(1e6)
    for _ in range(CHOKED_LINKS):
        loss.broke(losing=True)
    assert not loss.choked


def test_connections_that_break_in_a_row_are_a_sign_until_something_is_stored(outbox: Outbox) -> None:
    loss = PathLoss(outbox)
    send(outbox, CHOKED_BYTES)
    loss.broke(losing=False)
    for _ in range(CHOKED_LINKS):
        assert not loss.choked
        loss.broke(losing=True)
    assert loss.choked
    loss.stored()
    assert not loss.choked


def test_pages_that_never_come_are_a_sign_until_one_does(outbox: Outbox) -> None:
    loss = PathLoss(outbox)
    for _ in range(CHOKED_LINKS - 1):
        loss.asked()
        assert not loss.starved
        loss.broke(losing=False)
        loss.answered(page=False)  # refused, for the connection has gone
    assert not loss.starved, "nothing is under way"
    loss.asked()
    assert loss.starved
    loss.answered(page=True)
    loss.asked()
    assert not loss.starved
