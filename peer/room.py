"""A room, for programs: `async with connect(…) as room`.

    async with connect("127.0.0.1:5000/lobby", nick="bot") as room:
        await room.send("hello")
        async for event in room:
            ...

The room keeps itself connected. What is sent meanwhile is queued; what was missed is fetched.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Final, TypeAlias, TypeVar

from sandpiper.common.errors import Refusal, RoomClosed, UsageError
from sandpiper.common.io.tasks import to_its_end
from sandpiper.common.limits import BACKLOG_MOST, EVENTS_A_TURN, EVENTS_WAITING, TEXT_BYTES
from sandpiper.common.messages import DataDraft, Draft, MeDraft, Member, Message, MsgDraft, RoomInfo
from sandpiper.common.nicks import chosen as valid_nick
from sandpiper.common.pieces import MOST_BYTES, check_text
from sandpiper.common.target import FORM, Target
from sandpiper.peer.broker_engine import BrokerEngine
from sandpiper.peer.broker_session import JoinOptions
from sandpiper.peer.engine import Engine
from sandpiper.peer.events import Delivered, Event, Failed
from sandpiper.peer.profile import Profile
from sandpiper.peer.publishing import Pending, Publisher
from sandpiper.peer.status import PathInfo, RoomStatus, Verification
from sandpiper.peer.view import RoomView

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
    """Makes a room of a broker, to be entered with `async with`.

    `target` is HOST[:PORT][/ROOM][#FINGERPRINT]. Without `member` it joins unannounced; without `listen` it only
    writes. `backlog` stored messages come first, or all those after seq `after`. Entering raises Unreachable,
    AccessDenied, TrustError, Rejected. The call itself raises UsageError for a target or a nick that is not valid.
    """
    aim = _aim(target)
    if not isinstance(backlog, int) or not 0 <= backlog <= BACKLOG_MOST:
        raise UsageError(f"backlog is a number of messages, 0 to {BACKLOG_MOST:,}")
    if after is not None and (backlog or not isinstance(after, int) or after < 0):
        raise UsageError("after is the seq of a message, and stands without backlog")
    options = JoinOptions(aim.room, chosen_nick(nick), member, listen, after, backlog)

    def engine(turned: Callable[[], None]) -> Engine:
        return BrokerEngine(aim, options, access_code, profile or Profile.default(), one_port=one_port, turned=turned)

    return Room(engine)


async def _close(publisher: Publisher, wake: asyncio.Event) -> None:
    try:
        await publisher.engine.close()
    finally:
        wake.set()
        publisher.abandon(RoomClosed("the room was closed before the message was stored"))


def _aim(target: str | Target) -> Target:
    if isinstance(target, Target):
        return target
    if not isinstance(target, str):
        raise UsageError(f"target is a text, {FORM}, and not {type(target).__name__}")
    from sandpiper.common.target_parser import parse_broker  # loads the word list: only for who gives a text

    return parse_broker(target)  # knows a room code from a host


def chosen_nick(nick: str) -> str:
    """Checks a nick; empty stays empty. Raises UsageError: others would see a fingerprint in its place, or nobody."""
    try:
        return valid_nick(nick) if nick else ""
    except Refusal as refusal:
        raise UsageError(refusal.text) from None


class Room(RoomView):
    """A room, from entering it to closing it: what can be sent, asked and heard in it."""

    def __init__(self, make: MakeEngine) -> None:
        self._make = make
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None
        self._reading = False
        self._unbroken = 0  # events that were handed out since the loop last turned
        self._made: Publisher | None = None

    # Entering and leaving ----------------------------------------------------------------------------------

    async def __aenter__(self) -> Room:
        if self._made is not None:
            raise UsageError("a room is entered once; make another with connect, join or create")
        self._made = Publisher(self._make(self._collect))
        try:
            await self._made.engine.start()
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

        A caller that is cancelled meanwhile, however often, leaves nothing behind; it is cancelled once all is closed.
        """
        if self._made is None:
            return
        if self._closing is None:
            self._made.close()
            self._closing = asyncio.get_running_loop().create_task(_close(self._made, self._wake))
        await to_its_end(self._closing)

    @property
    def _publisher(self) -> Publisher:
        """The publisher, and with it the engine, of a room that was entered. Raises UsageError before that."""
        if self._made is None:
            raise UsageError("the room has not been entered: async with connect(…) as room")
        return self._made

    @property
    def _live(self) -> Engine:
        """The engine of a room that is open. Raises UsageError before it was entered, RoomClosed after closing."""
        if self._closing is not None:
            raise RoomClosed("the room is closed")
        return self._publisher.engine

    @property
    def status(self) -> RoomStatus:
        """The room as it is now; as it was last, after closing. Raises UsageError before it was entered."""
        return self._publisher.engine.status

    # Publishing --------------------------------------------------------------------------------------------

    async def send(self, text: str, *, kind: str = "msg") -> int:
        """Sends a line, and returns its seq once it is stored. `kind` is msg or me. Raises Refusal, SandpiperError.

        In a room between peers a line is stored once another member has it. A member who is `alone` there waits until
        somebody comes; `post` does not wait. A send that is cancelled may be stored all the same.
        """
        return await (await self.post(text, kind=kind))

    async def send_data(self, value: Any) -> int:
        """Sends any msgpack value, and returns its seq once it is stored. Raises Refusal, SandpiperError."""
        return await (await self.post_data(value))

    async def post(self, text: str, *, kind: str = "msg") -> Pending:
        """Sends a line, and returns as soon as there is room for the next. Raises Refusal, SandpiperError.

        A text has at most TEXT_BYTES, 57,000, as UTF-8: TOO_LARGE.
        """
        if len(text) * MOST_BYTES > TEXT_BYTES:
            check_text(text)
        publisher = self._publisher
        if publisher.full:
            await publisher.until_room()
        draft = _KINDS.get(kind)
        if draft is None:
            raise UsageError(f"kind is one of {', '.join(_KINDS)}, not {kind!r}")
        return publisher.post(draft(text=text))

    async def post_data(self, value: Any) -> Pending:
        """As `post`, for a value."""
        publisher = self._publisher
        if publisher.full:
            await publisher.until_room()
        return publisher.post(DataDraft(value=value))

    def post_as_tool(self, draft: Draft, nick: str) -> Pending:
        """Sends at once, for a program beside the member, under a nick without a key. Raises Refusal, SandpiperError.

        Does not wait until the window has room; see `full`.
        """
        return self._publisher.post_as_tool(draft, nick)

    @property
    def full(self) -> bool:
        """Whether the next message should wait until some of those that were posted are stored."""
        return self._publisher.outlet.full

    async def flush(self) -> None:
        """Returns when all that was posted is stored, or nobody is there to store it (see `alone`).

        After QUIT_S without any progress raises Unreachable, or Rejected if what was sent is turned away (see Held).
        """
        await self._publisher.flush()

    # Requests ----------------------------------------------------------------------------------------------

    async def _asked(self, answer: Awaitable[Answer]) -> Answer:
        """Waits for the engine's answer. Raises Refusal; RoomClosed if the room has been closed meanwhile."""
        try:
            return await answer
        except Refusal:
            if self._closing is not None:
                raise RoomClosed("the room was closed before there was an answer") from None
            raise

    async def members(self) -> list[Member]:
        """Lists the members who are present. Raises Refusal."""
        return await self._asked(self._live.members())

    async def rooms(self) -> list[RoomInfo]:
        """Lists the rooms that can be joined at the same place. Raises Refusal."""
        return await self._asked(self._live.rooms())

    async def claim(self, nick: str) -> None:
        """Takes another nick. Raises Refusal."""
        await self._asked(self._live.claim(valid_nick(nick)))

    async def whisper(self, to: str, text: str) -> None:
        """Sends a line to `to` alone; returns when one of that person's sessions has it. Raises Refusal."""
        await self._asked(self._live.whisper(to, text))

    async def verify(self, nick: str, *, same: bool = False) -> list[Verification]:
        """Returns the words to compare out loud with the person of that nick, whose program shows them too if it can.

        With `same` they were compared, and it is remembered for this session that they were the same; none are
        returned. `nick` may be a fingerprint. Raises Refusal.
        """
        return await self._asked(self._live.verify(nick, same=same))

    async def kick(self, nick: str, *, with_admitted: bool = False, dry_run: bool = False) -> list[str]:
        """Removes a person, with new keys and another code; `with_admitted` also whom they let in, and so on.

        Returns the nicks of all who are removed; `dry_run` only asks. Raises Refusal.
        """
        return await self._asked(self._live.kick(nick, with_admitted=with_admitted, dry_run=dry_run))

    async def readmit(self, nicks: Sequence[str]) -> list[str]:
        """Lets persons in again that were removed, or that wait for the room's key; returns the nicks.

        Raises Refusal.
        """
        return await self._asked(self._live.readmit(nicks))

    async def name_owner(self, nick: str) -> None:
        """Makes another person an owner, who may remove people too. Raises Refusal."""
        await self._asked(self._live.name_owner(nick))

    async def rotate(self) -> str:
        """Gives the room another code, which it returns. Raises Refusal."""
        return await self._asked(self._live.rotate())

    async def older(self, before: int | Message | None = None) -> list[Message]:
        """Messages from before that one (at a broker also: its seq), oldest first; none if nobody has any.

        Some hundred at most: ask again with the first of them. Without `before`: those from before one came in.
        Raises Refusal.
        """
        return await self._asked(self._live.older(before))

    @property
    def no_older(self) -> str:
        """Why `older` had nothing the last time, in a line for a person; empty if it had, or if that is not known."""
        return self._publisher.engine.no_older

    async def paths(self) -> list[PathInfo]:
        """Lists how each member is reached. Raises Refusal."""
        return await self._asked(self._live.paths())

    # Events ------------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Takes the engine's events; the engine calls it."""
        publisher, waiting = self._publisher, self._events
        engine, broken = publisher.engine, publisher.outlet.broken
        if broken is not None:
            publisher.abandon(broken)
            self._wake.set()
        if not engine.events:
            return
        for event in engine.events:
            kind = type(event)
            if kind is Delivered or kind is Failed:
                publisher.settle(event)  # type: ignore[arg-type]  # mypy does not follow `kind`
                if len(waiting) >= EVENTS_WAITING:
                    continue
            waiting.append(event)
        engine.events.clear()
        if len(waiting) >= EVENTS_WAITING:
            engine.pause(True)
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        self._unbroken += 1
        if self._unbroken > EVENTS_A_TURN:
            self._unbroken = 0
            await asyncio.sleep(0)  # a reader that finds the next event here at once would keep the loop for itself
        while not self._events:
            self._unbroken = 0
            if self._closing is not None:
                raise StopAsyncIteration
            if (broken := self._publisher.outlet.broken) is not None:
                raise broken
            if self._reading:
                raise UsageError("a room has one reader at a time, and one waits for the next event already")
            self._wake.clear()
            self._reading = True
            try:
                await self._wake.wait()
            finally:
                self._reading = False
        if len(self._events) == EVENTS_WAITING // 2:
            self._publisher.engine.pause(False)
        return self._events.popleft()
