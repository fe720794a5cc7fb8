"""A room in memory that does as the real one: what is posted is stored and comes back, what the test says happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sandpiper.common.errors import Code, Refusal, SandpiperError
from sandpiper.common.messages import Data, Me, Member, Message, Msg, Notice, RoomInfo
from sandpiper.peer.events import CodeChanged, Delivered, Entered, Event, Received
from sandpiper.peer.status import PathInfo, RoomStatus, Verification
from sandpiper.tui.port import RoomRequest

START = 1_741_082_400  # Tuesday 4 March 2025, 10:00 UTC
OWN = "o" * 24


def key(nick: str) -> str:
    """The fingerprint of whoever has that nick in a test."""
    return OWN if nick == "anna" else (nick.encode().hex() + "a" * 24)[:24]


@dataclass(frozen=True, slots=True)
class Posted:
    """As a Pending."""

    id: str


class FakeRoom:
    """See above. `hold` keeps what is posted until `store`."""

    def __init__(self, name: str = "lobby", nick: str = "anna", *, code: str | None = None) -> None:
        self.name, self.nick, self.code = name, nick, code
        self.where = "p2p" if code else "localhost:5000"
        self.broker, self.password_needed = "" if code else "b" * 24, False
        self.alone = False
        self.path, self.rtt_ms, self.fingerprint = ("direct" if code else "bus"), 1.2, OWN
        self.clock: Callable[[], float] = lambda: START
        self.seq = 0
        self.alone = False
        self.hold = False
        self.refuse: Refusal | None = None
        self.people: list[Member] = [Member(nick, OWN, True, self.path, 0.0)]
        self.compared: tuple[str, ...] = ()
        self.shown = True
        self.asked: list[tuple[str, ...]] = []
        self.unflushed: list[tuple[str, str, str]] = []
        self.posted: list[str] = []
        self.run = "run"
        self.log: list[Message] = []
        self.pages = 0
        self.no_older = "nothing older: this is where the room's log begins"
        self.closed = False
        self.stored = asyncio.Event()
        self._queue: asyncio.Queue[Event | SandpiperError | None] = asyncio.Queue()

    # What the test does ------------------------------------------------------------------------------------

    def happens(self, *events: Event) -> None:
        for event in events:
            self._queue.put_nowait(event)

    def breaks(self, error: SandpiperError) -> None:
        self._queue.put_nowait(error)

    def says(self, nick: str, text: str, *, at: float | None = None, **more: Any) -> Msg:
        """Somebody says something."""
        message = self.message(nick, text, at=at, kind=more.pop("kind", "msg"), verified=more.pop("verified", True))
        self.happens(Received(message, **more))
        return message

    def message(
        self, nick: str, text: str, *, at: float | None = None, kind: str = "msg", verified: bool = True, name: str = ""
    ) -> Msg:
        self.seq += 1
        ts = int(self.clock() if at is None else at)
        made = Me if kind == "me" else Msg
        from_ = key(nick) if verified else None
        return made(nick, text, ts, self.name, self.seq, 0, "run", name or f"{nick}-{self.seq}", from_, verified)

    def data(self, nick: str, value: Any) -> None:
        self.seq += 1
        ts = int(self.clock())
        self.happens(Received(Data(nick, value, ts, self.name, self.seq, 0, "run", f"d-{self.seq}", key(nick), True)))

    def joins(self, nick: str, path: str = "bus", rtt_ms: float | None = 2.0, *, verified: bool = True) -> None:
        self.people.append(Member(nick, key(nick) if verified else None, verified, path, rtt_ms))
        self.happens(Notice(f"{nick} joined", int(self.clock()), self.name, "join", nick, None, key(nick)))

    def leaves(self, nick: str) -> None:
        self.people = [member for member in self.people if member.nick != nick]
        self.happens(Notice(f"{nick} left", int(self.clock()), self.name, "leave", nick, None, key(nick)))

    def store(self) -> None:
        """What was held back is stored now."""
        held, self.unflushed = self.unflushed, []
        for name, kind, text in held:
            self._stored(name, kind, text)
        self.stored.set()

    def _stored(self, name: str, kind: str, text: str) -> None:
        message = self.message(self.nick, text, kind=kind, name=name)
        self.happens(Delivered(name, message.seq), Received(message, own=True))

    # RoomView --------------------------------------------------------------------------------------------

    @property
    def status(self) -> RoomStatus:
        fields = RoomStatus.__struct_fields__
        return RoomStatus(**{field: getattr(self, field) for field in fields if hasattr(self, field)})

    async def post(self, text: str, *, kind: str = "msg") -> Posted:
        if self.refuse is not None:
            raise self.refuse
        self.posted.append(text)
        name = f"own-{self.seq}-{len(self.unflushed)}"
        if self.hold:
            self.unflushed.append((name, kind, text))
        else:
            self._stored(name, kind, text)
        return Posted(name)

    async def flush(self) -> None:
        while self.unflushed:
            self.stored.clear()
            await self.stored.wait()

    async def members(self) -> list[Member]:
        return list(self.people)

    async def rooms(self) -> list[RoomInfo]:
        return [RoomInfo("lobby", 2, 7), RoomInfo("ops", 1, 1)] if self.code is None else []

    async def claim(self, nick: str) -> None:
        if nick == "bob":
            raise Refusal(Code.NICK_TAKEN, "bob is taken; choose another")
        self.asked.append(("claim", nick))
        self.nick = nick

    async def whisper(self, to: str, text: str) -> None:
        if to not in [member.nick for member in self.people]:
            raise Refusal(Code.NOT_HERE, f"nobody here is called {to}")
        self.asked.append(("whisper", to, text))

    async def verify(self, nick: str, *, same: bool = False) -> list[Verification]:
        if self.code is None:
            raise Refusal(Code.INVALID, "that is for rooms between peers")
        if same:
            self.compared = (*self.compared, nick)
            return []
        return [Verification(nick, key(nick), "amber canoe velvet", self.shown)]

    async def kick(self, nick: str, *, with_admitted: bool = False, dry_run: bool = False) -> list[str]:
        if self.code is None:
            raise Refusal(Code.INVALID, "who runs it says who may come in")
        if nick == "nobody":
            raise Refusal(Code.NOT_HERE, f"nobody else here is called {nick}")
        if not dry_run:
            self.asked.append(("kick", nick))
        return [nick, "mole"] if with_admitted else [nick]

    async def readmit(self, nicks: Sequence[str]) -> list[str]:
        if self.code is None:
            raise Refusal(Code.INVALID, "who runs it says who may come in")
        self.asked += [("readmit", nick) for nick in nicks]
        return list(nicks)

    async def older(self, before: int | Message | None) -> list[Message]:
        self.pages += 1
        end = before if before is None or isinstance(before, int) else before.seq
        found = [each for each in self.log if end is None or each.seq < end]
        return found[-50:]

    async def name_owner(self, nick: str) -> None:
        if self.code is None:
            raise Refusal(Code.INVALID, "who runs it says who may come in")
        self.asked.append(("owner", nick))

    async def rotate(self) -> str:
        if self.code is None:
            raise Refusal(Code.INVALID, "a broker's room has no codes")
        self.code = self.name = "maple-river-7"
        self.happens(CodeChanged(self.code))
        return self.code

    async def paths(self) -> list[PathInfo]:
        return [PathInfo(each.nick, each.from_, each.path, each.rtt_ms, "") for each in self.people]

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = await self._queue.get()
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, SandpiperError):
            raise event
        return event


class House:
    """Opens fake rooms, and remembers who asked for what. `errors` are raised first, one for each try."""

    def __init__(self, *rooms: FakeRoom, errors: Sequence[Exception] = ()) -> None:
        self.rooms = {room.name: room for room in rooms}
        self.errors = list(errors)
        self.requests: list[RoomRequest] = []
        self.entered: list[FakeRoom] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def open_room(self, request: RoomRequest) -> AbstractAsyncContextManager[FakeRoom]:
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: RoomRequest) -> AsyncIterator[FakeRoom]:
        self.requests.append(request)
        request.progress(f"knocking at {request.target or 'a new room'}")
        await self.gate.wait()
        if self.errors:
            raise self.errors.pop(0)
        name = "pine-ocean-42" if request.create else request.target.rpartition("/")[2] or request.target
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = FakeRoom(name, code=name if request.create else None)
        self.entered.append(room)
        room.happens(Entered(room.name, room.nick))
        try:
            yield room
            await room.flush()
        finally:
            room.closed = True
