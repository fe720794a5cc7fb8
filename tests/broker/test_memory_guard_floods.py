"""Who sends more than is read is cut once the broker has grown; whoever is read as fast as it sends never is."""

from __future__ import annotations

import sys
from typing import cast

import pytest

from sandpiper.broker import bus
from sandpiper.broker import memory_guard as guards
from sandpiper.broker.bus import Surfaced
from sandpiper.broker.memory_guard import MemoryGuard
from sandpiper.common.limits import GUARD_BEHIND_BYTES, GUARD_MARGIN_BYTES, GUARD_MESSAGE_BYTES, GUARD_STEP_BYTES

FD = 7
MIB = 1024 * 1024


class Pair:
    """As much of the bus as the guard sees."""

    def __init__(self) -> None:
        self.surfaced: dict[int, Surfaced] = {}

    connections = 0

    def account(self) -> None:
        pass

    def catch_up(self) -> None:
        pass


class World:
    """What the system says of one connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.size = 0
        self.received = 0
        self.cut: list[int] = []
        monkeypatch.setattr(guards, "resident", lambda: self.size)
        monkeypatch.setattr(guards, "traffic", lambda fd: (self.received, 0, 0))
        monkeypatch.setattr(guards, "_connections", lambda ports: [(FD, "peer")])
        monkeypatch.setattr(guards, "shut", self.shut)
        monkeypatch.setattr(sys, "platform", "linux")
        self.pair = Pair()
        self.guard = MemoryGuard([cast(bus.Pair, self.pair)], {1})
        self.size = GUARD_MARGIN_BYTES + 1

    def shut(self, fd: int) -> bool:
        self.cut.append(fd)
        return True

    def look(self, received: int, messages: int, octets: int) -> None:
        self.received = received
        self.size += GUARD_STEP_BYTES
        self.pair.surfaced[FD] = Surfaced(messages, octets)
        self.guard.check()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_whole_messages_that_pile_up(world: World) -> None:
    world.look(100, 1, 100)
    world.look(35 * MIB, 1000, 10 * MIB)
    assert not world.cut
    world.look(100 * MIB, 2000, 20 * MIB)
    assert world.cut == [FD]


def test_a_sender_that_is_read_as_fast_as_it_sends(world: World) -> None:
    for turn in range(1, 200):
        world.look(turn * 100 * MIB, turn * 1000, turn * 100 * MIB - 20 * MIB)
    assert not world.cut


def test_what_had_come_before_anybody_counted_does_not_count(world: World) -> None:
    world.look(500 * MIB, 0, 0)
    world.look(530 * MIB, 1, 500 * MIB)
    world.look(560 * MIB, 2, 530 * MIB)
    assert not world.cut
    world.look(640 * MIB, 3, 531 * MIB)
    assert world.cut == [FD]


def test_short_messages_weigh_more(world: World) -> None:
    most = GUARD_BEHIND_BYTES // (3 + GUARD_MESSAGE_BYTES)
    world.look(300, 100, 300)
    world.look(3 * most, 200, 600)
    assert not world.cut
    world.look(3 * most + 1000, 300, 900)
    assert world.cut == [FD]


def test_a_descriptor_that_the_other_pair_had_before(world: World) -> None:
    other = Pair()
    other.surfaced[FD] = Surfaced(5000, 50 * MIB)
    world.guard._pairs.append(cast(bus.Pair, other))
    for turn in range(1, 50):
        world.look(turn * 3 * MIB, turn * 1000, turn * 3 * MIB)
    assert not world.cut
