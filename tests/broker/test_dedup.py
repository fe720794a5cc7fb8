from __future__ import annotations

import pytest

from sandpiper.broker import dedup as module
from sandpiper.broker.dedup import Dedup
from sandpiper.common.limits import DEDUP_S


def test_the_first_seq_is_remembered_by_room_sender_and_id() -> None:
    dedup = Dedup(0.0)
    dedup.add("lobby", "alice", "1", 7)
    assert dedup.find("lobby", "alice", "1") == 7
    assert [
        dedup.find(*other) for other in [("pine", "alice", "1"), ("lobby", "bob", "1"), ("lobby", "alice", "2")]
    ] == [None] * 3


def test_remembered_for_the_time_and_at_most_twice_that() -> None:
    dedup = Dedup(0.0)
    dedup.tick(DEDUP_S - 1)
    dedup.add("lobby", "alice", "1", 1)
    dedup.tick(DEDUP_S)
    dedup.tick(2 * DEDUP_S - 1)
    assert dedup.find("lobby", "alice", "1") == 1
    dedup.tick(2 * DEDUP_S)
    assert dedup.find("lobby", "alice", "1") is None


def test_what_could_not_be_stored_is_forgotten_in_both_generations() -> None:
    dedup = Dedup(0.0)
    dedup.add("lobby", "alice", "1", 1)
    dedup.forget("lobby", "alice", "1")
    dedup.add("lobby", "alice", "2", 1)
    dedup.tick(DEDUP_S)
    dedup.forget("lobby", "alice", "2")
    dedup.forget("lobby", "alice", "never there")
    assert dedup.find("lobby", "alice", "1") is dedup.find("lobby", "alice", "2") is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEDUP_IDS", 10)
    dedup = Dedup(0.0)
    for seq in range(1, 26):
        dedup.add("lobby", "alice", str(seq), seq)
    found = [seq for seq in range(1, 26) if dedup.find("lobby", "alice", str(seq)) is not None]
    assert found == list(range(11, 26))
