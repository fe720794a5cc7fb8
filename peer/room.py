"""A room as a program sees it: `async with connect(…) as room`.

    async with connect("127.0.0.1:5000/lobby", nick="bot") as room:
        await room.send("hello")
        async for event in room:
            ...

The room keeps itself connected. What is sent meanwhile is queued; what was missed is fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

from sandpiper.common import control
from sandpiper.common.errors import Code, Refusal, SandpiperError, Unreachable
from sandpiper.common.limits import EVENTS_WAITING, QUIT_S
from sandpiper.common.messages import DataDraft, Draft, MeDraft, Member, MsgDraft, RoomInfo
from sandpiper.common.target import Target, parse_host
from sandpiper.peer.events import Delivered, Event, Failed
from sandpiper.peer.keeper import Keeper
from sandpiper.peer.pending import Pending
from sandpiper.peer.profile import Profile
from sandpiper.peer.session import Session, Wish

_POSTED_MOST = 200
"""Posted without a pause until the loop gets its turn: so that sending and acknowledging overlap."""


def connect(
    target: str | Target,
    *,
    nick: str = "",
    access_code: str | None = None,
    one_port: bool = False,
    backlog: int = 0,
    after: int | None = None,
    member: bool = True,
    listen: bool = True,
    profile: Profile | None = None,
) -> Room:
    """A room of a broker, to be entered with `async with`.

    `target` is HOST[:PORT][/ROOM][#FINGERPRINT]. Without `member` it joins unannounced; without `listen` it only
    writes. `backlog` stored messages come first, or all those after seq `after`. Entering raises Unreachable,
    AccessDenied, TrustError, Rejected.
    """
    aim = parse_host(target) if isinstance(target, str) else target
    wish = Wish(aim.room, nick, member, listen, after, backlog)
    return Room(aim, wish, access_code, profile, one_port=one_port)


class Room:
    """One room, one session."""

    def __init__(
        self, target: Target, wish: Wish, access_code: str | None, profile: Profile | None, *, one_port: bool
    ) -> None:
        self.target = target
        self._wish = wish
        self._code = access_code
        self._profile = profile
        self._one_port = one_port
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._pending: dict[str, Pending] = {}
        self._posted = 0
        self._closing = False
        self._keeper: Keeper

    # Entering and leaving ----------------------------------------------------------------------------------

    async def __aenter__(self) -> Room:
        self._keeper = Keeper(
            self.target,
            self._wish,
            self._code,
            self._profile or Profile.default(),
            one_port=self._one_port,
            turned=self._collect,
        )
        await self._keeper.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self.close()

    async def close(self) -> None:
        """Says goodbye and lets go of everything. What is not stored yet is abandoned: `flush` first."""
        self._closing = True
        await self._keeper.close()
        self._wake.set()
        self._abandon(Refusal(Code.CLOSING, "the room was closed before the message was stored"))

    def _abandon(self, error: Exception) -> None:
        for pending in self._pending.values():
            pending.settle(None, error)
        self._pending.clear()

    # What the session says ---------------------------------------------------------------------------------

    def _collect(self) -> None:
        session, held = self._session, self._events
        if session.broken is not None and self._pending:
            self._abandon(session.broken)
        if session.broken is not None:
            self._wake.set()
        if not session.events:
            return
        for event in session.events:
            if isinstance(event, (Delivered, Failed)):
                self._settle(event)
                if len(held) >= EVENTS_WAITING:
                    continue
            held.append(event)
        session.events.clear()
        if len(held) >= EVENTS_WAITING:
            self._keeper.hold(True)
        self._wake.set()

    def _settle(self, event: Delivered | Failed) -> None:
        pending = self._pending.pop(event.id, None)
        if pending is None:
            return
        if isinstance(event, Delivered):
            pending.settle(event.seq, None)
        else:
            pending.settle(None, Refusal(Code(event.code), event.text))

    # Publishing --------------------------------------------------------------------------------------------

    async def send(self, text: str, *, kind: str = "msg") -> int:
        """Sends a line; its seq, once it is stored. `kind` is msg or me. Raises Refusal, SandpiperError."""
        return await (await self.post(text, kind=kind))

    async def send_data(self, value: Any) -> int:
        """Sends any msgpack value; its seq, once it is stored. Raises Refusal, SandpiperError."""
        return await (await self.post_data(value))

    async def post(self, text: str, *, kind: str = "msg") -> Pending:
        """Sends a line, and returns as soon as there is room for the next. Raises Refusal, SandpiperError."""
        draft = MeDraft(text=text) if kind == "me" else MsgDraft(text=text)
        return await self._post(draft)

    async def post_data(self, value: Any) -> Pending:
        """As `post`, for a value."""
        return await self._post(DataDraft(value=value))

    async def _post(self, draft: Draft) -> Pending:
        session = self._session
        while session.outbox.full:
            await self._motion()
        self._check()
        pending = Pending(session.post(draft, time.monotonic()))
        self._pending[pending.id] = pending
        self._posted += 1
        if self._posted == 1:  # at rest a message waits for nothing; what is posted in the same turn goes together
            asyncio.get_running_loop().call_soon(self._turn_over)
            self._send_posted()
        elif self._posted >= _POSTED_MOST:
            await asyncio.sleep(0)
        return pending

    def _turn_over(self) -> None:
        more, self._posted = self._posted > 1, 0
        if more:
            self._send_posted()

    def _send_posted(self) -> None:
        if not self._closing:
            self._session.flush(time.monotonic())
            self._keeper.turn()

    async def flush(self) -> None:
        """Returns when all that was posted is stored. Raises Unreachable after QUIT_S without any progress."""
        outbox = self._session.outbox
        while not outbox.empty:
            self._check()
            left = outbox.progressed_at + QUIT_S - time.monotonic()
            if left <= 0:
                raise Unreachable(
                    f"{self.target.address} has acknowledged nothing for {QUIT_S:.0f} s; what was sent may be lost"
                )
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._motion(), left)

    async def _motion(self) -> None:
        self._check()
        self._keeper.moved.clear()
        await self._keeper.moved.wait()

    def _check(self) -> None:
        if self._closing:
            raise SandpiperError("the room is closed")
        if self._session.broken is not None:
            raise self._session.broken

    # Requests ----------------------------------------------------------------------------------------------

    async def members(self) -> list[Member]:
        """Who is present. Raises Refusal."""
        reply = await self._keeper.request(control.Who(r=0, room=self._wish.room))
        return reply.members if isinstance(reply, control.Present) else []

    async def rooms(self) -> list[RoomInfo]:
        """The broker's rooms. Raises Refusal."""
        reply = await self._keeper.request(control.ListRooms(r=0))
        return reply.rooms if isinstance(reply, control.RoomList) else []

    async def claim(self, nick: str) -> None:
        """Takes another nick. Raises Refusal."""
        await self._keeper.request(control.Claim(r=0, room=self._wish.room, nick=nick))
        self._session.nick = nick

    async def whisper(self, to: str, text: str) -> None:
        """A line for `to` alone; returns when one of its sessions has it. Raises Refusal."""
        name = os.urandom(8).hex()
        await self._keeper.request(control.SendWhisper(r=0, room=self._wish.room, to=to, text=text, id=name))

    # What one sees -----------------------------------------------------------------------------------------

    @property
    def _session(self) -> Session:
        return self._keeper.session

    @property
    def broker(self) -> str:
        """The fingerprint of the broker's key."""
        return self._keeper.broker

    @property
    def name(self) -> str:
        """The room's name."""
        return self._wish.room

    @property
    def nick(self) -> str:
        """The nick that the session has now."""
        return self._session.nick

    @property
    def path(self) -> str:
        """How messages travel now: `bus`, `one-port` or `offline`."""
        return self._session.path

    @property
    def fingerprint(self) -> str:
        """One's own."""
        return self._session.fingerprint

    @property
    def rtt_ms(self) -> float | None:
        """The last round trip to the broker."""
        return None if self._session.rtt_s is None else self._session.rtt_s * 1000

    @property
    def run(self) -> str:
        """The run of the room's log, 32 hex digits."""
        return self._session.entered.run if self._session.entered else ""

    @property
    def seq(self) -> int:
        """Where the room's log stood at the last entry."""
        return self._session.entered.head if self._session.entered else 0

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closing:
                raise StopAsyncIteration
            if self._session.broken is not None:
                raise self._session.broken
            self._wake.clear()
            await self._wake.wait()
        if len(self._events) == EVENTS_WAITING // 2:
            self._keeper.hold(False)
        return self._events.popleft()
