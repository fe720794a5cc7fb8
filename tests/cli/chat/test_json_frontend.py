from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from sandpiper.cli.chat.json_frontend import JsonFrontend
from sandpiper.cli.chat.loop import Visit
from sandpiper.cli.stdio import output
from sandpiper.common.limits import OUTPUT_BYTES
from sandpiper.peer.events import Held, Resumed
from tests.cli.scripted import ScriptedRoom, Typed


class Written:
    """An Output that remembers."""

    def __init__(self) -> None:
        self.data = b""

    async def ready(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.data += data


def answers(room: Any, *lines: bytes) -> list[dict[str, Any]]:
    out: Any = Written()

    async def run() -> None:
        await asyncio.wait_for(Visit(room, JsonFrontend(out), Typed(*lines)).run(), 10)

    asyncio.run(run())
    return [json.loads(line) for line in out.data.splitlines()]


def test_joined_comes_first_and_a_message_is_acknowledged_by_its_own_name() -> None:
    first, *rest = answers(ScriptedRoom(), b'{"type":"msg","text":"hi","id":"mine"}')
    assert (first["type"], first["room"], first["nick"]) == ("joined", "lobby", "anna")
    assert {"type": "ack", "id": "mine", "room": "lobby", "seq": 1} in rest
    assert [entry["text"] for entry in rest if entry["type"] == "msg"] == ["hi"]


def test_bad_lines_get_an_error_and_nothing_ends() -> None:
    lines = [b"nonsense", b'{"a":' * 10_000, b"\xff", b"7", b'{"type":"zzz"}', b'{"type":5}', b'{"type":"msg"}', b""]
    got = answers(ScriptedRoom(), *lines, b'{"type":"msg","text":"x","room":"den"}', b'{"type":"ping"}')
    errors = [entry["text"] for entry in got if entry["type"] == "error"]
    assert errors[:2] == ["invalid json", "invalid json"]
    assert errors[4:6] == ["invalid message type", "invalid message type"]
    assert errors[6].startswith("invalid message: ")
    assert "not in that room" in errors[7]
    assert got[-1]["type"] == "pong"


def test_what_is_held_up_is_told() -> None:
    got = answers(ScriptedRoom(Held("store", "its disk is full"), Resumed()), b'{"type":"ping"}')
    held, resumed = [entry for entry in got if entry["type"] in ("held", "resumed")]
    assert held == {"type": "held", "room": "lobby", "code": "store", "text": "its disk is full", "ts": held["ts"]}
    assert resumed == {"type": "resumed", "room": "lobby", "ts": resumed["ts"]}


def test_requests_are_answered() -> None:
    got = answers(
        ScriptedRoom(),
        b'{"type":"who"}',
        b'{"type":"rooms"}',
        b'{"type":"nick","nick":"eve"}',
        b'{"type":"whisper","to":"q","text":"s","id":"w"}',
    )
    assert [entry["type"] for entry in got] == ["joined", "members", "rooms", "nick", "error"]
    assert got[3]["text"] == "nick set to eve"
    assert (got[4]["code"], got[4]["id"]) == ("not_here", "w")


def test_a_program_that_reads_no_answers_is_asked_for_no_more_questions() -> None:
    read, write = os.pipe()
    count = 50_000  # answers of 100 octets and more

    async def run() -> None:
        async with output(write) as out:
            frontend, room = JsonFrontend(out), ScriptedRoom()

            async def ask() -> None:
                for _ in range(count):
                    await frontend.take(room, b"{}")  # type: ignore[arg-type]

            asking = asyncio.create_task(ask())
            for _ in range(1000):
                await asyncio.sleep(0)
            assert OUTPUT_BYTES < out.unwritten < OUTPUT_BYTES + 1024
            heard = asyncio.create_task(asyncio.to_thread(_lines, read, count))
            await asking
        assert await heard == count

    asyncio.run(asyncio.wait_for(run(), 30))
    os.close(read)
    os.close(write)


def _lines(fd: int, count: int) -> int:
    seen = 0
    while seen < count:
        seen += os.read(fd, 65536).count(b"\n")
    return seen
