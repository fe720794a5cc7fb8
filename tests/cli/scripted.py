"""A stand-in for a Room: what happens in it is written down beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.lines import TooLong
from sandpiper.common.messages import Member, Msg, RoomInfo
from sandpiper.peer.events import CodeChanged, Delivered, Entered, Event, Received
from sandpiper.peer.status import PathInfo, Verification

OWN_RUN = "0" * 32
OWN = "f" * 24


def msg(
    text: str, seq: int = 1, *, nick: str = "bob", name: str = "b-1", verified: bool = True, run: str = OWN_RUN
) -> Msg:
    return Msg(nick, text, 0, "lobby", seq, 0, run, name, OWN, verified)


class ScriptedRoom:
    """Stores all at once, and echoes it. With a `code` it is a room between peers."""

    def __init__(self, *events: Event, nick: str = "anna", code: str | None = None) -> None:
        self.name, self.nick, self.where, self.seq = code or "lobby", nick, "p2p" if code else "localhost:5000", 0
        self.broker, self.password_needed = "" if code else "b" * 24, False
        self.run, self.fingerprint, self.code, self.alone, self.full = OWN_RUN, OWN, code, False, False
        self.asked: list[tuple[str, str]] = []
        self.people = [Member(nick, OWN, True, "bus", 1.25)]
        self.posted: list[tuple[str, Any]] = []
        self.compared: tuple[str, ...] = ()
        self.shown = True
        self.flushed = False
        self.seq_of_lobby = 7
        self.queue: asyncio.Queue[Event] = asyncio.Queue()
        for event in (Entered(self.name, nick), *events):
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
        return self.people

    async def rooms(self) -> list[RoomInfo]:
        return [RoomInfo("lobby", 1, self.seq_of_lobby)]

    async def claim(self, nick: str) -> None:
        self.nick = nick

    async def whisper(self, to: str, text: str) -> None:
        raise Refusal(Code.NOT_HERE, f"nobody here is called {to}")

    async def verify(self, nick: str, *, same: bool = False) -> list[Verification]:
        self._between_peers()
        if same:
            self.compared = (*self.compared, nick)
            return []
        return [Verification(nick, "b" * 24, "pine ocean river", self.shown)]

    async def kick(self, nick: str, *, with_admitted: bool = False, dry_run: bool = False) -> list[str]:
        self._between_peers()
        if nick == "nobody":
            raise Refusal(Code.NOT_HERE, f"nobody else here is called {nick}")
        if not dry_run:
            self.asked.append(("kick", nick))
        return [nick, "mole"] if with_admitted else [nick]

    async def readmit(self, nicks: Sequence[str]) -> list[str]:
        self._between_peers()
        self.asked += [("readmit", nick) for nick in nicks]
        return list(nicks)

    async def name_owner(self, nick: str) -> None:
        self._between_peers()
        self.asked.append(("owner", nick))

    async def rotate(self) -> str:
        self._between_peers()
        self.code = "river-stone-42"
        self.queue.put_nowait(CodeChanged(self.code))
        return self.code

    async def paths(self) -> list[PathInfo]:
        return [PathInfo("bob", "b" * 24, "relay", 20.0, "refused")]

    def _between_peers(self) -> None:
        if self.code is None:
            raise Refusal(Code.INVALID, "that is for rooms between peers")

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
