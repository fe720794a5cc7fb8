"""Whose messages come faster than they can be read is cut, once the process has grown."""

from __future__ import annotations

import sys

import pytest

from sandpiper.common.limits import GUARD_MARGIN_BYTES, MESH_FLOOD_BYTES
from sandpiper.peer.p2p.mesh import flood_guard as guards
from sandpiper.peer.p2p.mesh.flood_guard import FloodGuard, Flow

FD = 7


class World:
    """What the system says of one connection, and we of the flow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flow = Flow(FD, 0, 0)
        self.received = 0
        self.size = 0
        monkeypatch.setattr(guards, "resident", lambda: self.size)
        monkeypatch.setattr(guards, "traffic", lambda fd: (self.received, 0, 0))
        monkeypatch.setattr(guards, "peer_of", lambda fd: "peer")
        monkeypatch.setattr(sys, "platform", "linux")
        self.guard = FloodGuard(lambda: [self.flow])
        self.size = GUARD_MARGIN_BYTES + 1

    def look(self, received: int, surfaced: int, empties: int) -> set[int]:
        self.received, self.flow = received, Flow(FD, surfaced, empties)
        return self.guard.check()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_flood_that_is_never_all_read(world: World) -> None:
    assert not world.look(0, 0, 5)
    for turn in range(1, 5):
        assert not world.look(turn * MESH_FLOOD_BYTES // 4, turn * 1000, 5)
    assert world.look(MESH_FLOOD_BYTES + 1, 9000, 5) == {FD}


def test_any_amount_of_which_all_is_read_now_and_then(world: World) -> None:
    for turn in range(100):
        assert not world.look(turn * MESH_FLOOD_BYTES, turn * 1000, turn)


def test_a_process_that_has_not_grown_suspects_nobody(world: World) -> None:
    world.size = 0
    assert not world.look(0, 0, 0)
    assert not world.look(1 << 40, 0, 0)
