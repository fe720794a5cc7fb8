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
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Generator
from types import TracebackType
from typing import Any

from sandpiper.common import control
from sandpiper.common.errors import Code, Refusal, Rejected, SandpiperError, Unreachable
from sandpiper.common.io.sockets import CurveKeys, context
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import (
    BUS_S,
    CONNECT_S,
    EVENTS_WAITING,
    QUIT_S,
    RECONNECT_LEAST_S,
    RECONNECT_MOST_S,
)
from sandpiper.common.messages import DataDraft, Draft, MeDraft, Member, MsgDraft, RoomInfo
from sandpiper.common.target import Target, parse_host
from sandpiper.peer import door
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.endpoints import at_host
from sandpiper.peer.events import Delivered, Event, Failed
from sandpiper.peer.link import Heard, Link
from sandpiper.peer.profile import Profile
from sandpiper.peer.session import Session, State, Wish


class Pending:
    """A publication under way. Awaiting it gives its seq once it is stored, or raises Refusal."""

    __slots__ = ("_future", "error", "id", "seq")

    def __init__(self, name: str) -> None:
        self.id = name
        self.seq: int | None = None
        self.error: Exception | None = None
        self._future: asyncio.Future[int] | None = None

    @property
    def done(self) -> bool:
        """Whether it is decided."""
        return self.seq is not None or self.error is not None

    def __await__(self) -> Generator[Any, None, int]:
        if self.error is not None:
            raise self.error
        if self.seq is not None:
            return self.seq
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
        return (yield from asyncio.shield(self._future).__await__())

    def settle(self, seq: int | None, error: Exception | None) -> None:
        """Decides it. For the room only."""
        self.seq, self.error = seq, error
        if self._future is not None and not self._future.done():
            if error is not None:
                self._future.set_exception(error)
                self._future.exception()  # whoever awaits gets it; nobody need
            else:
                self._future.set_result(seq or 0)


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
        self._wake: asyncio.Event = asyncio.Event()
        self._moved: asyncio.Event = asyncio.Event()
        self._pending: dict[str, Pending] = {}
        self._link: Link | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._down = asyncio.Event()
        self._down_text = ""
        self._bus_up = False
        self._subscribed = False
        self._deciding: asyncio.TimerHandle | None = None
        self._runner: asyncio.Task[None] | None = None
        self._closing = False
        self._posted = 0
        self.broker = ""

    # Entering and leaving ----------------------------------------------------------------------------------

    async def __aenter__(self) -> Room:
        self._loop = asyncio.get_running_loop()
        self._profile = self._profile or Profile.default()
        self._context = context()
        self._keys = CurveKeys.make()
        self._credentials = Credentials(self._profile.signing_key, self._keys.public, self._code, os.urandom)
        self._session = Session(self._wish, self._credentials)
        try:
            await self._attempt()
        except BaseException:
            self._drop("")
            self._context.term()
            raise
        self._runner = self._loop.create_task(self._stay())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._session.outbox.empty:
                await self.flush()
        finally:
            await self.close()

    async def close(self) -> None:
        """Says goodbye and lets go of everything. What is not stored yet is abandoned: `flush` first."""
        self._closing = True
        if self._session.state is State.INSIDE:
            with contextlib.suppress(Refusal, asyncio.TimeoutError):
                await asyncio.wait_for(self._request(control.Bye(r=0)), 1.0)
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner
        self._drop("closed")
        self._context.term()
        self._wake.set()
        for pending in self._pending.values():
            pending.settle(None, Refusal(Code.CLOSING, "the room was closed before the message was stored"))

    # Connecting --------------------------------------------------------------------------------------------

    async def _attempt(self) -> None:
        """One connection, up to the room. Raises SandpiperError."""
        assert self._profile is not None
        found = await door.ask(self.target, self._profile, self._code)
        credentials, session = self._credentials, self._session
        credentials.broker_key, credentials.ticket = found.key, found.welcome.ticket
        credentials.asked = found.welcome.access
        self._down.clear()
        self._moved.clear()
        heard = Heard(self._on_control, self._on_frames, self._on_bus, self._on_down)
        endpoint = f"tcp://{self.target.address}"
        self._link = Link(self._loop, self._context, self._keys, found.key, endpoint, heard)
        self._bus_up = self._subscribed = False
        session.connected(time.monotonic())
        self._turn()
        await self._until_inside()
        self.broker = fingerprint(found.key)
        if found.new:
            self._profile.pin(self.target.address, found.welcome.key)
        self._open_way(found.welcome.xsub, found.welcome.xpub)

    async def _until_inside(self) -> None:
        """Waits for Entered. Raises SandpiperError."""
        deadline = self._loop.time() + 2 * CONNECT_S
        while self._session.state is not State.INSIDE and self._session.broken is None:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), deadline - self._loop.time())
            except asyncio.TimeoutError:
                raise Unreachable(
                    f"{self.target.address} let us in at the door, but does not answer further"
                ) from None
            if self._down.is_set():
                raise Unreachable(f"{self.target.address} closed the connection: {self._down_text}")
        if self._session.broken is not None:
            raise self._session.broken

    def _open_way(self, xsub: str | None, xpub: str | None) -> None:
        link = self._link
        assert link is not None
        if self._one_port or xsub is None or xpub is None:
            self._take_one_port("as asked" if self._one_port else "the broker's bus is closed")
            return
        host = self.target.host
        link.open_bus(at_host(xsub, host))
        if self._wish.listen:
            link.subscribe(at_host(xpub, host), self._wish.room)
        self._deciding = self._loop.call_later(BUS_S, self._take_one_port, "the bus ports do not answer")

    def _take_one_port(self, why: str) -> None:
        if self._link is None:
            return
        self._link.close_bus()
        self._bus_up = False
        if self._wish.listen:
            self._session.ask(control.Subscribe(r=0, room=self._wish.room), lambda reply: None)
        self._session.way("one-port", f"everything goes through the one port: {why}", time.monotonic())
        self._turn()

    def _take_bus(self) -> None:
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None
        self._session.way("bus", "over the bus", time.monotonic())
        self._turn()

    async def _stay(self) -> None:
        """Keeps the room connected until it is closed."""
        while True:
            await self._down.wait()
            self._drop(self._down_text)
            pause = RECONNECT_LEAST_S
            while True:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                try:
                    await self._attempt()
                    break
                except (Unreachable, Rejected) as error:
                    self._drop(str(error))
                    self._session.broken = None
                except SandpiperError as error:
                    self._fail(error)
                    return
                pause = min(pause * 2, RECONNECT_MOST_S)

    def _fail(self, error: SandpiperError) -> None:
        """No way back: whoever iterates or waits is told."""
        self._drop(str(error))
        self._session.broken = error
        for pending in self._pending.values():
            pending.settle(None, error)
        self._pending.clear()
        self._wake.set()
        self._moved.set()

    def _drop(self, text: str) -> None:
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, float("inf")
        if self._link is not None:
            self._link.close()
            self._link = None
            self._session.disconnected(text)
            self._collect()

    # What the link says ------------------------------------------------------------------------------------

    def _on_control(self, frame: bytes) -> None:
        self._session.receive(frame, time.monotonic())
        self._turn()

    def _on_frames(self, frames: list[bytes]) -> None:
        now = time.monotonic()
        receive = self._session.receive_frame
        for frame in frames:
            receive(frame, now)
        self._turn()

    def _on_bus(self, up: bool) -> None:
        if up and self._link is not None:
            self._bus_up = True
            self._take_bus()
        elif not up and self._bus_up:
            self._bus_up = False
            self._session.outbox.shut()

    def _on_down(self, text: str) -> None:
        self._down_text = text
        self._down.set()
        self._moved.set()

    def _turn(self) -> None:
        """Sends what the session wants sent, hands out what it has to say, sets the clock."""
        session, link = self._session, self._link
        if link is not None:
            requests, session.requests = session.requests, []
            for request in requests:
                link.say(control.encode(request))
            frames, session.frames = session.frames, []
            if frames:
                self._publish(link, frames)
            if session.broken is not None and session.entered is not None and self._runner is not None:
                self._on_down(str(session.broken))
        self._collect()
        self._set_clock()
        self._moved.set()

    def _publish(self, link: Link, frames: list[bytes]) -> None:
        if self._session.path == "bus":
            link.publish(frames)
            return
        for first in range(0, len(frames), _FRAMES_PER_REQUEST):
            some = frames[first : first + _FRAMES_PER_REQUEST]
            link.say(control.encode(control.Publish(r=0, frames=some)))

    def _collect(self) -> None:
        fresh, held = self._session.events, self._events
        if not fresh:
            return
        for event in fresh:
            if isinstance(event, (Delivered, Failed)):
                self._settle(event)
                if len(held) >= EVENTS_WAITING:
                    continue
            held.append(event)
        fresh.clear()
        if len(held) >= EVENTS_WAITING and self._link is not None:
            self._link.hold(True)
        self._wake.set()

    def _settle(self, event: Delivered | Failed) -> None:
        pending = self._pending.pop(event.id, None)
        if pending is None:
            return
        if isinstance(event, Delivered):
            pending.settle(event.seq, None)
        else:
            pending.settle(None, Refusal(Code(event.code), event.text))

    def _set_clock(self) -> None:
        due = self._session.get_timer()
        if due is None or due >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(max(due - time.monotonic(), 0.0), self._ring)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        now = time.monotonic()
        self._session.handle_timer(now)
        stale = self._session.stale(now)
        if stale is not None:
            self._on_down(stale)
        self._turn()

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
        return await self._post(kind, draft)

    async def post_data(self, value: Any) -> Pending:
        """As `post`, for a value."""
        return await self._post("data", DataDraft(value=value))

    async def _post(self, kind: str, draft: Draft) -> Pending:
        session = self._session
        while session.outbox.full:
            await self._motion()
        self._check()
        pending = Pending(session.post(kind, draft, time.monotonic()))
        self._pending[pending.id] = pending
        self._posted += 1
        if self._posted == 1:
            self._loop.call_soon(self._send_posted)  # what is posted in one turn of the loop goes out together
        elif self._posted >= _POSTED_MOST:
            await asyncio.sleep(0)
        return pending

    def _send_posted(self) -> None:
        self._posted = 0
        if not self._closing:
            self._session.flush(time.monotonic())
            self._turn()

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
        self._moved.clear()
        await self._moved.wait()

    def _check(self) -> None:
        if self._closing:
            raise SandpiperError("the room is closed")
        if self._session.broken is not None:
            raise self._session.broken

    # Requests ----------------------------------------------------------------------------------------------

    async def members(self) -> list[Member]:
        """Who is present. Raises Refusal."""
        reply = await self._request(control.Who(r=0, room=self._wish.room))
        return reply.members if isinstance(reply, control.Present) else []

    async def rooms(self) -> list[RoomInfo]:
        """The broker's rooms. Raises Refusal."""
        reply = await self._request(control.ListRooms(r=0))
        return reply.rooms if isinstance(reply, control.RoomList) else []

    async def claim(self, nick: str) -> None:
        """Takes another nick. Raises Refusal."""
        await self._request(control.Claim(r=0, room=self._wish.room, nick=nick))
        self._session.nick = nick

    async def whisper(self, to: str, text: str) -> None:
        """A line for `to` alone; returns when one of its sessions has it. Raises Refusal."""
        name = os.urandom(8).hex()
        await self._request(control.SendWhisper(r=0, room=self._wish.room, to=to, text=text, id=name))

    async def _request(self, request: control.Request) -> control.Reply:
        if self._session.state is not State.INSIDE:
            raise Refusal(Code.CLOSING, "not connected at the moment; try again when the connection is back")
        answer: asyncio.Future[control.Reply] = self._loop.create_future()
        self._session.ask(request, lambda reply: None if answer.done() else answer.set_result(reply))
        self._turn()
        reply = await answer
        if isinstance(reply, control.Refused):
            raise Refusal(Code(reply.code), reply.text, retry_ms=reply.retry_ms)
        return reply

    # What one sees -----------------------------------------------------------------------------------------

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
        return self._session.enrolled.fingerprint if self._session.enrolled else ""

    @property
    def rtt_ms(self) -> float | None:
        """The last round trip to the broker."""
        return None if self._session.rtt_s is None else self._session.rtt_s * 1000

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
        if len(self._events) == EVENTS_WAITING // 2 and self._link is not None:
            self._link.hold(False)
        return self._events.popleft()


_POSTED_MOST = 200
"""Posted without a pause until the loop gets its turn: so that sending and acknowledging overlap."""
_FRAMES_PER_REQUEST = 8
"""Of the largest size these fit one control frame."""
