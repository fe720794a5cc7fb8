"""A room on the screen: it is opened, listened to, sent into, and left."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import replace
from typing import Final, Protocol

from sandpiper.chat.wording import ASKS_FOR_IT
from sandpiper.common.errors import PasswordNeeded, Refusal, Rejected, SandpiperError
from sandpiper.common.limits import HISTORY_SHOWN, QUIT_S, SCREEN_QUEUE_EVENTS
from sandpiper.common.messages import Message
from sandpiper.peer.events import Event
from sandpiper.peer.view import RoomView
from sandpiper.tui.history import History
from sandpiper.tui.port import OpenRoom, RoomRequest
from sandpiper.tui.tab_events import TabEvents
from sandpiper.tui.tab_state import TabState
from sandpiper.tui.timeline_entry import TimelineEntry

_BREATH: Final = 200
"""Events taken from a room before others get their turn."""


class TabHost(Protocol):
    """The screen, as a tab needs it."""

    open_room: OpenRoom
    history: History | None

    def now(self) -> float:
        """Seconds since 1970."""

    def join_line(self, code: str, password: bool) -> str:
        """Returns the command line by which others join."""

    def changed(self) -> None:
        """Asks for a frame, because there is something to show."""

    def heard(self, tab: Tab, entry: TimelineEntry) -> None:
        """Marks the room as unread, or rings, because another person has said something."""

    def failed(self, tab: Tab, error: SandpiperError) -> None:
        """The room could not be opened, or has broken off."""


class Tab(TabState):
    """A room on the screen, from opening it to leaving it."""

    def __init__(self, screen: TabHost, request: RoomRequest, notify: str) -> None:
        super().__init__(request, notify)
        self._screen = screen
        self._events = TabEvents(self, self._keep, screen.join_line, self._heard)
        self._looking_back = asyncio.Lock()
        self.inbox: deque[Event] = deque()
        self._room_for_more = asyncio.Event()
        self._leaving = asyncio.Event()
        self._outgoing: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
        self._posts = 0
        self._task: asyncio.Task[None] | None = None

    # Life --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Opens the room, or tries again."""
        if self._task is None or self._task.done():
            self.state, self.error = "connecting", None
            self._leaving.clear()
            self._task = asyncio.get_running_loop().create_task(self._live(), name=f"room {self.name}")

    def leave(self) -> None:
        """Asks it to end, once all is delivered."""
        self._leaving.set()

    async def gone(self) -> None:
        """Returns when it has ended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def abandon(self) -> None:
        """Ends it now."""
        if self._task is not None:
            self._task.cancel()

    async def _live(self) -> None:
        """Never raises: what went wrong is shown."""
        self._say("connecting" if not self.request.create else "opening a room")
        try:
            request = replace(self.request, progress=self._say)
            async with self._screen.open_room(request) as room:
                await self._enter(room)
                await self._until_left(room)
            self.state, self.words = "left", "left"
        except SandpiperError as error:
            self._fail(error)
        except Refusal as refusal:
            self._fail(Rejected(refusal.text))
        except OSError as error:
            self._fail(SandpiperError(f"cannot open the room: {error.strerror or error}; try again"))
        finally:
            self.room = None
            self._screen.changed()

    async def _enter(self, room: RoomView) -> None:
        self.room, self.name, again = room, room.name, self.entered
        if not again:  # a code may change; the room is the same
            self._key = f"{room.where}/{room.name}"
        self.model.called(room.nick)
        history = self._screen.history
        if history is not None and not again:
            kept = await history.recent(self.key, HISTORY_SHOWN)
            self.older.stored(kept, room.fingerprint, one_log=room.code is None)
            if not self.draft:
                self.draft = str(history.recall(f"draft {self.key}") or "")
            self.notify = str(history.recall(f"notify {self.key}") or self.notify)
        self.state, self.words = "open", ""
        self.members_due = 0.0
        self._screen.changed()

    async def _until_left(self, room: RoomView) -> None:
        loop = asyncio.get_running_loop()
        listening = loop.create_task(self._listen(room))
        sending = loop.create_task(self._send(room))
        leaving = loop.create_task(self._leaving.wait())
        try:
            await asyncio.wait((listening, leaving), return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
            else:
                await self._drained(sending)
        finally:
            for task in (listening, sending, leaving):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, SandpiperError, Refusal):
                    await task

    async def _drained(self, sending: asyncio.Task[None]) -> None:
        empty = asyncio.get_running_loop().create_task(self._outgoing.join())
        try:
            await asyncio.wait((empty, sending), timeout=QUIT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            empty.cancel()

    async def _listen(self, room: RoomView) -> None:
        taken = 0
        async for event in room:
            self.inbox.append(event)
            self._screen.changed()
            taken += 1
            if len(self.inbox) >= SCREEN_QUEUE_EVENTS:
                self._room_for_more.clear()
                await self._room_for_more.wait()
            elif taken % _BREATH == 0:
                await asyncio.sleep(0)
            history = self._screen.history
            if history is not None and history.behind:
                await history.caught_up()

    def _say(self, words: str) -> None:
        self.words = words
        self._screen.changed()

    def _fail(self, error: SandpiperError) -> None:
        words = ASKS_FOR_IT if isinstance(error, PasswordNeeded) else str(error)  # it is asked for right here
        self.state, self.error, self.words = "failed", error, words
        self.model.say("bad", words, self._screen.now())
        self._screen.failed(self, error)

    # What happens ------------------------------------------------------------------------------------------

    def take(self, most: int) -> int:
        """Handles events that wait, at most so many; how many it were."""
        count = 0
        while self.inbox and count < most:
            self._events.handle(self.inbox.popleft(), self._screen.now(), asyncio.get_running_loop().time())
            count += 1
        if len(self.inbox) < SCREEN_QUEUE_EVENTS // 2:
            self._room_for_more.set()
        return count

    def _keep(self, message: Message) -> None:
        if self._screen.history is not None:
            self._screen.history.add(self.key, message)

    def _heard(self, entry: TimelineEntry) -> None:
        self._screen.heard(self, entry)

    @property
    def looking_back(self) -> bool:
        """Whether older messages are under way."""
        return self._looking_back.locked()

    async def load_older(self) -> int:
        """Fetches what was said before the first message that is here; how many. Raises Refusal."""
        async with self._looking_back:
            if self.room is None:
                return 0
            return await self.older.load(self.room, self._screen.history, self.key, self._screen.now())

    # Sending -----------------------------------------------------------------------------------------------

    def say(self, text: str, kind: str = "msg") -> None:
        """A line of one's own: shown at once, and sent when it can be."""
        self._posts += 1
        local = f"local {self._posts}"
        self.model.post(local, kind, text, self._screen.now())
        self._outgoing.put_nowait((local, kind, text))
        self._screen.changed()

    async def _send(self, room: RoomView) -> None:
        while True:
            local, kind, text = await self._outgoing.get()
            try:
                posted = await room.post(text, kind=kind)
            except Refusal as refusal:
                self.model.failed(local, refusal.text)
            except SandpiperError as error:
                self.model.failed(local, str(error))
            else:
                self.model.posted(local, posted.id)
            finally:
                self._outgoing.task_done()
                self._screen.changed()
