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
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Final, TypeAlias, TypeVar

from sandpiper.common.errors import Code, Refusal, Rejected, RoomClosed, SandpiperError, Unreachable, UsageError
from sandpiper.common.io.tasks import to_its_end
from sandpiper.common.limits import BACKLOG_MOST, EVENTS_WAITING, QUIT_S
from sandpiper.common.messages import DataDraft, Draft, MeDraft, Member, Message, MsgDraft, RoomInfo
from sandpiper.common.nicks import chosen as valid_nick
from sandpiper.common.pieces import check_text
from sandpiper.common.target import FORM, Target
from sandpiper.peer.brokered import Brokered
from sandpiper.peer.engine import Engine, PathInfo, Verification
from sandpiper.peer.events import Delivered, Event, Failed
from sandpiper.peer.profile import Profile
from sandpiper.peer.receipt import Pending
from sandpiper.peer.session import Wish

_POSTED_MOST = 500
"""Posted without a pause until the loop gets its turn: so that sending and acknowledging overlap."""

_KINDS: Final[dict[str, type[MsgDraft | MeDraft]]] = {"msg": MsgDraft, "me": MeDraft}
Answer = TypeVar("Answer")

MakeEngine: TypeAlias = Callable[[Callable[[], None]], Engine]
"""Makes the engine, on the running loop; it calls what it is given when it has events."""


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
    AccessDenied, TrustError, Rejected; a target or a nick that is none is a UsageError here already.
    """
    aim = _aim(target)
    if not isinstance(backlog, int) or not 0 <= backlog <= BACKLOG_MOST:
        raise UsageError(f"backlog is a number of messages, 0 to {BACKLOG_MOST:,}")
    if after is not None and (backlog or not isinstance(after, int) or after < 0):
        raise UsageError("after is the seq of a message, and stands without backlog")
    wish = Wish(aim.room, chosen_nick(nick), member, listen, after, backlog)

    def engine(turned: Callable[[], None]) -> Engine:
        return Brokered(aim, wish, access_code, profile or Profile.default(), one_port=one_port, turned=turned)

    return Room(engine)


def _aim(target: str | Target) -> Target:
    if isinstance(target, Target):
        return target
    if not isinstance(target, str):
        raise UsageError(f"target is a text, {FORM}, and not {type(target).__name__}")
    from sandpiper.common.target_parser import parse_broker  # loads the word list: only for who gives a text

    return parse_broker(target)  # knows a room code from a host


def chosen_nick(nick: str) -> str:
    """`nick`, or nothing for none. Raises UsageError: the others would see a fingerprint in its place, or nobody."""
    try:
        return valid_nick(nick) if nick else ""
    except Refusal as refusal:
        raise UsageError(refusal.text) from None


class Room:
    """One room, one session."""

    def __init__(self, make: MakeEngine) -> None:
        self._make = make
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._pending: dict[str, Pending] = {}
        self._posted = 0
        self._unsent = False
        self._closing: asyncio.Task[None] | None = None
        self._reading = False
        self._made: Engine | None = None

    # Entering and leaving ----------------------------------------------------------------------------------

    async def __aenter__(self) -> Room:
        if self._made is not None:
            raise UsageError("a room is entered once; make another with connect, join or create")
        self._made = self._make(self._collect)
        try:
            await self._made.start()
        except BaseException:
            self._made = None
            raise
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
        """Says goodbye and lets go of everything. What is not stored yet is abandoned: `flush` first.

        However often whoever waits is cancelled meanwhile, nothing is left behind; the cancellation is passed on then.
        """
        if self._made is None:
            return
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(self._made))
        await to_its_end(self._closing)

    async def _close(self, engine: Engine) -> None:
        try:
            await engine.close()
        finally:
            self._wake.set()
            self._abandon(RoomClosed("the room was closed before the message was stored"))

    @property
    def _engine(self) -> Engine:
        """The engine of a room that was entered. Raises UsageError before that."""
        if self._made is None:
            raise UsageError("the room has not been entered: async with connect(…) as room")
        return self._made

    @property
    def _live(self) -> Engine:
        """The engine of a room that one is in. Raises UsageError before that, RoomClosed after it."""
        if self._closing is not None:
            raise RoomClosed("the room is closed")
        return self._engine

    async def _asked(self, answer: Awaitable[Answer]) -> Answer:
        """What the engine answers. Raises Refusal; RoomClosed if the room has been closed meanwhile."""
        try:
            return await answer
        except Refusal:
            if self._closing is not None:
                raise RoomClosed("the room was closed before there was an answer") from None
            raise

    def _abandon(self, error: Exception) -> None:
        for pending in self._pending.values():
            pending.settle(None, error)
        self._pending.clear()

    # What the engine says ---------------------------------------------------------------------------------

    def _collect(self) -> None:
        engine, held = self._engine, self._events
        if engine.broken is not None:
            self._abandon(engine.broken)
            self._wake.set()
        if not engine.events:
            return
        for event in engine.events:
            kind = type(event)
            if kind is Delivered or kind is Failed:
                self._settle(event)  # type: ignore[arg-type]  # mypy does not follow `kind`
                if len(held) >= EVENTS_WAITING:
                    continue
            held.append(event)
        engine.events.clear()
        if len(held) >= EVENTS_WAITING:
            engine.hold(True)
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
        """Sends a line; its seq, once it is stored. `kind` is msg or me. Raises Refusal, SandpiperError.

        In a room between peers that means: once somebody else has it. Who is `alone` there waits until somebody comes;
        `post` does not wait. A send that is cancelled may be stored all the same.
        """
        return await (await self.post(text, kind=kind))

    async def send_data(self, value: Any) -> int:
        """Sends any msgpack value; its seq, once it is stored. Raises Refusal, SandpiperError."""
        return await (await self.post_data(value))

    async def post(self, text: str, *, kind: str = "msg") -> Pending:
        """Sends a line, and returns as soon as there is room for the next. Raises Refusal, SandpiperError.

        A text has at most TEXT_BYTES, 57,000, as UTF-8: TOO_LARGE.
        """
        check_text(text)
        if self._posted >= _POSTED_MOST or self._engine.full:
            await self._until_room()
        draft = _KINDS.get(kind)
        if draft is None:
            raise UsageError(f"kind is one of {', '.join(_KINDS)}, not {kind!r}")
        return self._post(draft(text=text))

    async def post_data(self, value: Any) -> Pending:
        """As `post`, for a value."""
        if self._posted >= _POSTED_MOST or self._engine.full:
            await self._until_room()
        return self._post(DataDraft(value=value))

    async def _until_room(self) -> None:
        await asyncio.sleep(0)
        while self._engine.full:
            await self._motion()

    def _post(self, draft: Draft) -> Pending:
        self._check()
        return self._await_storing(self._engine.post(draft, time.monotonic()))

    def post_as_tool(self, draft: Draft, nick: str) -> Pending:
        """For a program beside the member: at once, under a nick that no key owns. Raises Refusal, SandpiperError.

        It does not wait for room; see `full`.
        """
        self._check()
        return self._await_storing(self._engine.post_as_tool(draft, nick, time.monotonic()))

    @property
    def full(self) -> bool:
        """Whether more should wait until some of what was posted is stored."""
        return self._engine.full

    def _await_storing(self, name: str) -> Pending:
        # At rest a message waits for nothing; what is posted in the same turn goes together, and while something is
        # under way that turn is waited for.
        at_rest = not self._pending
        pending = self._pending[name] = Pending(name)
        self._posted += 1
        if self._posted == 1:
            asyncio.get_running_loop().call_soon(self._turn_over)
            self._unsent = not at_rest
            if at_rest:
                self._send_posted()
        else:
            self._unsent = True
        return pending

    def _turn_over(self) -> None:
        self._posted = 0
        if self._unsent:
            self._send_posted()

    def _send_posted(self) -> None:
        if self._closing is None:
            self._engine.flush(time.monotonic())

    async def flush(self) -> None:
        """Returns when all that was posted is stored, or nobody is there to store it (see `alone`).

        After QUIT_S without any progress raises Unreachable, or Rejected if what was sent is turned away (see Held).
        """
        engine = self._engine
        while not (engine.empty or engine.alone):
            self._check()
            left = engine.progressed_at + QUIT_S - time.monotonic()
            if left <= 0:
                raise self._overdue()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._motion(), left)

    def _overdue(self) -> SandpiperError:
        engine = self._engine
        if engine.held and not engine.trouble:
            return Rejected(f"{engine.where} has stored nothing for {QUIT_S:.0f} s: {engine.held}; try again later")
        why = f" ({engine.trouble})" if engine.trouble else ""
        return Unreachable(
            f"{engine.where} has acknowledged nothing for {QUIT_S:.0f} s{why}; what was sent may be lost"
        )

    async def _motion(self) -> None:
        self._check()
        self._engine.moved.clear()
        await self._engine.moved.wait()

    def _check(self) -> None:
        broken = self._live.broken
        if broken is not None:
            raise broken

    # Requests ----------------------------------------------------------------------------------------------

    async def members(self) -> list[Member]:
        """Who is present. Raises Refusal."""
        return await self._asked(self._live.members())

    async def rooms(self) -> list[RoomInfo]:
        """The rooms that one could join here. Raises Refusal."""
        return await self._asked(self._live.rooms())

    async def claim(self, nick: str) -> None:
        """Takes another nick. Raises Refusal."""
        await self._asked(self._live.claim(valid_nick(nick)))

    async def whisper(self, to: str, text: str) -> None:
        """A line for `to` alone; returns when one of its sessions has it. Raises Refusal."""
        await self._asked(self._live.whisper(to, text))

    async def verify(self, nick: str) -> list[Verification]:
        """The words to compare out loud with each person of that nick. Raises Refusal."""
        return await self._asked(self._live.verify(nick))

    async def kick(self, nick: str) -> None:
        """Removes a person, and gives the room new keys and another code. Raises Refusal."""
        await self._asked(self._live.kick(nick))

    async def name_owner(self, nick: str) -> None:
        """Lets another person remove people too. Raises Refusal."""
        await self._asked(self._live.name_owner(nick))

    async def rotate(self) -> str:
        """Gives the room another code, which it returns. Raises Refusal."""
        return await self._asked(self._live.rotate())

    async def older(self, before: int) -> list[Message]:
        """Stored messages of this run from before that seq, oldest first; none if nobody has any. Raises Refusal.

        Some hundred at most: ask again with the first one's seq.
        """
        return await self._asked(self._live.older(before))

    async def paths(self) -> list[PathInfo]:
        """How each member is reached. Raises Refusal."""
        return await self._asked(self._live.paths())

    # What one sees -----------------------------------------------------------------------------------------

    @property
    def where(self) -> str:
        """Where the room is, in a word: the broker's address, or `p2p`."""
        return self._engine.where

    @property
    def code(self) -> str | None:
        """The code that others join by, if the room has one."""
        return self._engine.code

    @property
    def password_needed(self) -> bool:
        """Whether others need a password besides the code."""
        return self._engine.password_needed

    @property
    def alone(self) -> bool:
        """Whether nobody is there who could store what one sends."""
        return self._engine.alone

    @property
    def broker(self) -> str:
        """The fingerprint of the broker's key; empty without one."""
        return self._engine.broker

    @property
    def name(self) -> str:
        """The room's name: a broker's word for it, or the code."""
        return self._engine.name

    @property
    def nick(self) -> str:
        """The nick that the session has now."""
        return self._engine.nick

    @property
    def path(self) -> str:
        """How messages travel now; `offline` when they do not."""
        return self._engine.path

    @property
    def fingerprint(self) -> str:
        """One's own."""
        return self._engine.fingerprint

    @property
    def rtt_ms(self) -> float | None:
        """The last round trip, to the broker or to the nearest member."""
        return self._engine.rtt_ms

    @property
    def run(self) -> str:
        """The run of the log that one's messages go to, 32 hex digits."""
        return self._engine.run

    @property
    def seq(self) -> int:
        """Where that log stood at the last entry."""
        return self._engine.seq

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closing is not None:
                raise StopAsyncIteration
            if self._engine.broken is not None:
                raise self._engine.broken
            if self._reading:
                raise UsageError("a room has one reader at a time, and one waits for the next event already")
            self._wake.clear()
            self._reading = True
            try:
                await self._wake.wait()
            finally:
                self._reading = False
        if len(self._events) == EVENTS_WAITING // 2:
            self._engine.hold(False)
        return self._events.popleft()
