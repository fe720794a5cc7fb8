"""The path to a broker: each change is told once, and each reason of an outage, up to a bound."""

from __future__ import annotations

from collections import deque

import pytest

from sandpiper.common.limits import OUTAGE_REASONS
from sandpiper.peer.broker_path import BrokerPath
from sandpiper.peer.events import Event, PathChanged


@pytest.fixture
def events() -> deque[Event]:
    return deque()


@pytest.fixture
def path(events: deque[Event]) -> BrokerPath:
    return BrokerPath(events)


def test_a_change_is_told_once(path: BrokerPath, events: deque[Event]) -> None:
    assert (path.name, path.outage) == ("offline", "")
    path.opened("bus", "open")
    path.opened("bus", "open once more")
    path.opened("one-port", "the bus does not answer")
    assert list(events) == [PathChanged("bus", "open"), PathChanged("one-port", "the bus does not answer")]


def test_an_outage_that_begins_before_there_was_a_path_is_no_change(path: BrokerPath, events: deque[Event]) -> None:
    path.lost("cannot reach it")
    assert not events
    assert path.outage == "cannot reach it"


def test_a_reason_is_told_once_in_an_outage_and_anew_in_the_next(path: BrokerPath, events: deque[Event]) -> None:
    for _ in range(2):
        path.opened("bus", "open")
        path.lost("it hung up")
        for _ in range(3):
            path.kept_out("it hung up", tell=True)
            path.kept_out("the room is full", tell=True)
            path.kept_out("nobody answers", tell=False)
        assert path.outage == "nobody answers"
    outage = [("bus", "open"), ("offline", "it hung up"), ("offline", "the room is full")]
    assert list(events) == [PathChanged(*each) for each in outage * 2]


def test_a_broker_that_invents_reasons_is_quoted_so_often_and_no_more(path: BrokerPath, events: deque[Event]) -> None:
    path.opened("bus", "open")
    path.lost("it hung up")
    for each in range(1000):
        path.kept_out(f"reason {each}", tell=True)
    assert len(events) == 1 + OUTAGE_REASONS
    path.opened("bus", "open again")
    assert path.outage == ""
