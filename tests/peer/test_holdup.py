"""What is told of publications that are turned away: each reason once, and once that it is over."""

from __future__ import annotations

from sandpiper.common.limits import HELD_S
from sandpiper.peer.events import Held, Resumed
from sandpiper.peer.holdup import Holdup


def test_a_full_disk_is_told_at_once_and_once() -> None:
    held = Holdup()
    assert held.refused("store", "its disk is full", 1.0) == Held("store", "its disk is full")
    assert [held.refused("store", "its disk is full", 1.0 + each) for each in range(20)] == [None] * 20
    assert held.text == "its disk is full"
    assert held.stored() == Resumed()
    assert held.stored() is None
    assert held.text == ""
    assert held.refused("store", "its disk is full", 99.0) is not None


def test_pacing_is_not_told_unless_it_lasts() -> None:
    held = Holdup()
    assert held.refused("rate", "slow down", 1.0) is None
    assert held.refused("rate", "slow down", 1.0 + HELD_S / 2) is None
    assert held.stored() is None
    assert held.refused("rate", "slow down", 2.0 + HELD_S) is None
    assert held.refused("rate", "slow down", 2.0 + 2 * HELD_S) == Held("rate", "slow down")
    assert held.stored() == Resumed()


def test_a_gap_follows_from_the_other_reason() -> None:
    held = Holdup()
    assert held.refused("store", "full", 1.0)
    assert held.refused("gap", "publication 34 came before 2", 1.0 + 2 * HELD_S) is None
    assert held.text == "full"


def test_another_reason_is_told_too_but_no_invented_ones() -> None:
    held = Holdup()
    assert held.refused("store", "full", 1.0)
    assert held.refused("rate", "slow down", 1.0 + HELD_S) == Held("rate", "slow down")
    assert not any(held.refused(f"made up {each}", "x", 9.0) for each in range(1000))
