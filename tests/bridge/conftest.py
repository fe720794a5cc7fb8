from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bridge.client import HELLO, Client
from tests.bridge.rooms import MemoryRooms


@pytest.fixture
def rooms() -> MemoryRooms:
    return MemoryRooms()


@pytest.fixture
def join(rooms: MemoryRooms) -> Callable[..., Client]:
    """An extended client in a room, with what it was told on the way put aside."""

    def joined(room: str = "lobby", **more: object) -> Client:
        client = Client(rooms)
        client.say(HELLO | {"room": room} | more)
        return client

    return joined


@pytest.fixture
def original(rooms: MemoryRooms) -> Callable[[], Client]:
    def silent() -> Client:
        client = Client(rooms)
        client.silent()
        return client

    return silent
