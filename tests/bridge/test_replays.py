"""Replays: what a client is sent of the log, before what is said now."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sandpiper.common.limits import LINE_BYTES, PAGE_BYTES
from tests.bridge.client import LOBBY, Client, fill, seqs
from tests.bridge.rooms import TS, MemoryRooms


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"backlog": 3}, [8, 9, 10]),
        ({"backlog": 99}, list(range(1, 11))),
        ({"after": 7}, [8, 9, 10]),
        ({"after": 10}, []),
        ({"after": -5}, list(range(1, 11))),
        ({"after": 1 << 80}, []),
        ({}, []),
    ],
)
def test_what_comes_before_the_live(
    join: Callable[..., Client], rooms: MemoryRooms, wish: dict[str, int], expected: list[int]
) -> None:
    writer = join(nick="alice")
    fill(writer, 10)
    reader = Client(rooms)
    rooms.page = 4
    told = reader.say(LOBBY | wish)
    assert [each["type"] for each in told[:2]] == ["welcome", "joined"]
    assert seqs(told) == expected
    fill(writer, 2, "more")
    assert seqs(reader.heard()) == [11, 12]


def test_no_double_and_no_gap_at_the_seam(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    """Whatever is staged or stored but not yet told when somebody joins comes to it once, in order."""
    writer = join(nick="alice")
    fill(writer, 3)
    rooms.auto = False
    writer.say({"type": "msg", "text": "stored, not told"})
    rooms.store()
    writer.say({"type": "msg", "text": "only staged"})
    reader = Client(rooms)
    told = reader.say(LOBBY | {"after": 0})
    rooms.commit()
    writer.say({"type": "msg", "text": "after"})
    rooms.commit()
    assert seqs(told + reader.heard()) == [1, 2, 3, 4, 5, 6]


def test_live_messages_wait_for_a_replay_under_way(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    writer = join(nick="alice")
    fill(writer, 5)
    rooms.page = 2
    reader = Client(rooms)
    reader.session.receive(json.dumps(LOBBY | {"after": 0}).encode() + b'\n{"type":"ping"}\n')
    told: list[Any] = []
    for number in range(9):
        reader.session.work(0.0, TS)
        told += reader.heard()
        if number < 3:
            fill(writer, 1, f"live{number}-")
    assert not reader.session.replaying
    assert seqs(told) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert told[-1] == {"type": "pong", "ts": TS}, "answers keep the order of the questions"


def test_a_client_from_before_the_run_misses_nothing_that_comes(
    join: Callable[..., Client], rooms: MemoryRooms
) -> None:
    writer, reader = join(nick="alice"), Client(rooms)
    reader.say(LOBBY | {"after": 500})
    fill(writer, 2)
    assert seqs(reader.heard()) == [1, 2]


def test_replay(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    client = join(nick="alice")
    fill(client, 6)
    rooms.page = 2
    told = client.say({"type": "replay", "after": 1, "limit": 4})
    assert seqs(told) == [2, 3, 4, 5]
    assert told[-1] == {"type": "replayed", "room": "lobby", "seq": 5, "start": 1}
    assert client.say({"type": "replay", "after": 6})[-1]["seq"] == 6
    assert client.say({"type": "replay", "after": 2, "limit": 0}) == [
        {"type": "replayed", "room": "lobby", "seq": 2, "start": 1}
    ]
    fill(client, 1, "live")
    assert client.heard() == []


def test_what_retention_removed_is_said(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    writer = join(nick="alice")
    fill(writer, 6)
    rooms.trim("lobby", 4)
    told = Client(rooms).say(LOBBY | {"after": 1})
    assert {"type": "trimmed", "room": "lobby", "start": 4} in told
    assert seqs(told) == [4, 5, 6]
    assert "trimmed" not in [each["type"] for each in Client(rooms).say(LOBBY | {"backlog": 50})]


def test_a_page_is_bounded_in_bytes(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    writer = join(nick="alice")
    fill(writer, 30, "x" * 50_000)
    reader = Client(rooms)
    reader.session.receive(json.dumps(LOBBY | {"after": 0}).encode() + b"\n")
    told: list[Any] = []
    while reader.session.more:
        reader.session.work(0.0, TS)
        told += reader.heard()
        assert len(reader.raw) < PAGE_BYTES + LINE_BYTES
    assert seqs(told) == list(range(1, 31))
