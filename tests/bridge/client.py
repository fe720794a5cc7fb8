"""A JSON-lines client without a socket: its session, its guest, and a reader that is always fast enough."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sandpiper.bridge.session import LineSession
from sandpiper.common.items import Item
from tests.bridge.rooms import TS, MemoryRooms

HELLO = {"type": "hello", "v": 1}


LOBBY = HELLO | {"room": "lobby"}


class Client:
    """A session with its guest, and a reader that is always fast enough."""

    def __init__(self, rooms: MemoryRooms, address: str = "192.0.2.7", since: int | None = None) -> None:
        self.rooms = rooms
        self.session = LineSession(rooms, self, address, since=since)
        self.raw = b""

    def deliver(self, items: Sequence[Item]) -> None:
        self.session.deliver(items)

    def close(self, text: str) -> None:
        self.session.shut(text, TS)

    def silent(self) -> list[Any]:
        self.session.silent(TS)
        return self.heard()

    def send(self, data: bytes) -> list[Any]:
        self.session.receive(data)
        while self.session.more:
            self.session.work(0.0, TS)
        return self.heard()

    def say(self, *messages: dict[str, Any]) -> list[Any]:
        return self.send(b"".join(json.dumps(each).encode() + b"\n" for each in messages))

    def heard(self) -> list[Any]:
        self.raw = self.session.take()
        return [json.loads(line) for line in self.raw.splitlines()]


def fill(client: Client, count: int, text: str = "m") -> None:
    for number in range(count):
        client.say({"type": "msg", "text": f"{text}{number}", "id": f"{text[:9]}-{number}"})


def seqs(told: list[Any]) -> list[int]:
    return [each["seq"] for each in told if each["type"] in ("msg", "me", "data")]
