"""A stand-in for a Room: what happens in it is written down beforehand."""

from __future__ import annotations

import asyncio
from typing import Any

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.lines import TooLong
from sandpiper.common.messages import Member, Msg, RoomInfo
from sandpiper.peer.events import Delivered, Entered, Event, Received


def msg(text: str, seq: int = 1, *, nick: str = "bob", name: str = "b-1", verified: bool = True) -> Msg:
    return Msg(nick, text, 0, "lobby", seq, 0, "run", name, "f" * 24, verified)


class ScriptedRoom:
    """Stores all at once, and echoes it."""

    def __init__(self, *events: Event, nick: str = "anna") -> None:
        self.name, self.nick, self.where, self.seq = "lobby", nick, "localhost:5000", 0
        self.run = "0" * 32
        self.posted: list[tuple[str, Any]] = []
        self.flushed = False
        self.queue: asyncio.Queue[Event] = asyncio.Queue()
        for event in (Entered("lobby", nick), *events):
            self.queue.put_nowait(event)

    async def post(self, text: str, *, kind: str = "msg") -> Any:
        self.posted.append((kind, text))
        self.seq += 1
        message = msg(text, self.seq, nick=self.nick, name=f"a-{self.seq}")
        self.queue.put_nowait(Delivered(message.id, self.seq))
        self.queue.put_nowait(Received(message, own=True))
        return message  # has an id, as a Pending

    async def flush(self) -> None:
        self.flushed = True

    async def members(self) -> list[Member]:
        return [Member(self.nick, "f" * 24, True, "bus", 1.25)]

    async def rooms(self) -> list[RoomInfo]:
        return [RoomInfo("lobby", 1, 7)]

    async def claim(self, nick: str) -> None:
        self.nick = nick

    async def whisper(self, to: str, text: str) -> None:
        raise Refusal(Code.NOT_HERE, f"nobody here is called {to}")

    def __aiter__(self) -> ScriptedRoom:
        return self

    async def __anext__(self) -> Event:
        return await self.queue.get()


class Typed:
    """A Source of these lines."""

    def __init__(self, *lines: bytes | TooLong) -> None:
        self.lines = list(lines)

    async def read(self) -> bytes | TooLong | None:
        return self.lines.pop(0) if self.lines else None
