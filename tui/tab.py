"""One open room: its life, its events, and what is being sent into it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import replace
from typing import Final, Protocol

from sandpiper.chat.members import path_words
from sandpiper.chat.wording import ASKS_FOR_IT, GOES_ON, counted, held_up
from sandpiper.common.errors import PasswordNeeded, Refusal, Rejected, SandpiperError
from sandpiper.common.legacy import RoomCreated
from sandpiper.common.limits import HISTORY_SHOWN, QUIT_S, SCREEN_MEMBERS_SETTLE_S, SCREEN_QUEUE_EVENTS
from sandpiper.common.messages import Lost, Member, Notice, Trimmed, Whisper
from sandpiper.peer.events import (
    CodeChanged,
    Delivered,
    Entered,
    Event,
    Failed,
    Held,
    PathChanged,
    Received,
    Resumed,
    Warned,
)
from sandpiper.peer.view import RoomView
from sandpiper.tui.history import History
from sandpiper.tui.older_messages import OlderMessages
from sandpiper.tui.port import OpenRoom, RoomRequest
from sandpiper.tui.round_trips import steady
from sandpiper.tui.timeline_model import TimelineEntry, TimelineModel

_BREATH: Final = 200
"""Events taken from a room before others get their turn."""
ALARMING: Final = frozenset(("key", "cheat", "guess", "kick"))


class TabHost(Protocol):
    """What a room asks of the screen."""

    open_room: OpenRoom
    history: History | None

    def now(self) -> float:
        """Seconds since 1970."""

    def join_line(self, code: str, password: bool) -> str:
        """What others paste to come in."""

    def changed(self) -> None:
        """There is something to show: a frame is wanted."""

    def heard(self, tab: Tab, entry: TimelineEntry) -> None:
        """Somebody else has said something."""

    def failed(self, tab: Tab, error: SandpiperError) -> None:
        """The room could not be opened, or has broken off."""


class Tab:
    """See above. `state` is connecting, open, left or failed."""

    def __init__(self, screen: TabHost, request: RoomRequest, notify: str) -> None:
        self._screen = screen
        self.request = request
        self.notify = notify
        self.name = "new room" if request.create else request.target
        self._key = ""
        self.model = TimelineModel()
        self.older = OlderMessages(self.model)
        self._looking_back = asyncio.Lock()
        self.room: RoomView | None = None
        self.state = "connecting"
        self.words = "getting ready"
        self.held = ""
        self.error: SandpiperError | None = None
        self.members: tuple[Member, ...] = ()
        self.members_due = 0.0
        self.unread = 0
        self.mentioned = False
        self.draft = ""
        self.anchor: tuple[int, int] | None = None
        self.inbox: deque[Event] = deque()
        self._room_for_more = asyncio.Event()
        self._leaving = asyncio.Event()
        self._outgoing: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
        self._posts = 0
        self._task: asyncio.Task[None] | None = None
        self._nicks: dict[str, None] = {}
        self._rtt_ms: float | None = None

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
            self._handle(self.inbox.popleft())
            count += 1
        if len(self.inbox) < SCREEN_QUEUE_EVENTS // 2:
            self._room_for_more.set()
        return count

    def _handle(self, event: Event) -> None:
        now = self._screen.now()
        match event:
            case Received():
                self._received(event)
            case Delivered():
                self.model.delivered(event.id, event.seq)
            case Failed():
                if self.model.failed(event.id, event.text) is None:
                    self.model.say("bad", f"not stored: {event.text}", now)
            case Held():
                self.held = event.text
                self.model.say("bad", held_up(event), now)
            case Resumed():
                self.held = ""
                self.model.say("note", GOES_ON, now)
            case Whisper():
                self._meet(event.nick)
                self._heard(self.model.whisper(event))
            case Notice():
                self._noticed(event)
            case Entered():
                self._entered(event, now)
            case PathChanged():
                self._path_changed(event, now)
            case Lost():
                lost = counted(event.count, "message")
                self.model.say("bad", f"{lost} lost: nobody has them any more. Ask for them again.", now)
            case Trimmed():
                self.model.say("note", "what is older than this has been removed from the room's log", now)
            case Warned():
                self.model.say("bad" if event.kind in ALARMING else "warn", event.text, now)
            case RoomCreated():
                self.model.say("note", f"the room's code is {event.code}", now)
                self.model.say("note", "others join with this line:", now)
                self.model.say("note", self._join_line(event.code), now)
            case CodeChanged():
                self._code_changed(event, now)

    def _code_changed(self, event: CodeChanged, now: float) -> None:
        self.name = self.room.name if self.room is not None else self.name
        also = f", and the password {event.password}" if event.password is not None else ""
        self.model.say(
            "warn", f"the room has another code now: {event.code}{also}. The old one opens it no longer", now
        )
        self.model.say("note", self._join_line(event.code), now)

    def _join_line(self, code: str) -> str:
        return self._screen.join_line(code, self.room is not None and self.room.password_needed)

    def _received(self, event: Received) -> None:
        message = event.message
        if self.room is not None:
            self.older.heard(message, one_log=self.room.code is None)
        alone = event.own and self.room is not None and self.room.path == "alone"
        entry = self.model.message(message, own=event.own, old=event.backlog, alone=alone)
        history = self._screen.history
        if history is not None:
            history.add(self.key, message)
        if entry is None:
            return
        if not event.own:
            self._meet(message.nick)
            if not event.backlog:
                self._heard(entry)

    def _heard(self, entry: TimelineEntry) -> None:
        if not entry.hidden:
            self._screen.heard(self, entry)

    def _noticed(self, notice: Notice) -> None:
        own = self.room is not None and (notice.from_, notice.nick) == (self.room.fingerprint, self.room.nick)
        if not own or notice.event not in ("join", "leave"):  # the others saw one go, as with Ctrl+Z, and come back
            self.model.notice(notice)
        if notice.event == "join":
            self.older.entered()
        if notice.event in ("join", "leave", "nick"):
            self.members_due = min(self.members_due, asyncio.get_running_loop().time() + SCREEN_MEMBERS_SETTLE_S)
        if notice.nick:
            self._meet(notice.nick)
        if self.room is not None:
            self.model.called(self.room.nick)

    def _entered(self, event: Entered, now: float) -> None:
        if not event.again:
            self.held = ""
        self.older.entered()
        self.model.called(event.nick)
        self.members_due = 0.0
        if self.room is not None:
            self.name = self.room.name
        words = f"back in {self.name} as {event.nick}" if event.again else f"in {self.name} as {event.nick}"
        self.model.say("note", words, now)

    def _path_changed(self, event: PathChanged, now: float) -> None:
        if event.path == "offline":
            self.model.say(
                "warn", f"{event.text or 'not connected'}; connecting again, and sending then what you write", now
            )
        elif event.text:
            self.model.say("note", event.text, now)
        self.members_due = 0.0

    def _meet(self, nick: str) -> None:
        self._nicks.pop(nick, None)
        self._nicks[nick] = None
        if len(self._nicks) > 500:
            del self._nicks[next(iter(self._nicks))]

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

    @property
    def unsent(self) -> list[str]:
        """What nobody has yet."""
        return [entry.text for entry in self.model.pending.values() if entry.mark == "…"]

    # What one sees -----------------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """The room's name in the history."""
        return self._key

    @property
    def entered(self) -> bool:
        """Whether one has ever been in it."""
        return bool(self._key)

    @property
    def nick(self) -> str:
        """One's own."""
        return self.room.nick if self.room is not None else self.request.nick or ""

    @property
    def nicks(self) -> list[str]:
        """Who may be meant, the likeliest first."""
        own = self.nick
        spoke = list(reversed(self._nicks))
        return [nick for nick in dict.fromkeys([*spoke, *(member.nick for member in self.members)]) if nick != own]

    @property
    def health(self) -> str:
        """good, warn or bad."""
        if self.state == "failed":
            return "bad"
        if self.state != "open" or self.room is None or self.room.path == "offline" or self.held:
            return "warn"
        return "good"

    @property
    def status(self) -> str:
        """What the connection does, in words."""
        room = self.room
        if self.state == "failed":
            return f"{self.words}. Enter tries again"
        if self.state == "left":
            return f"left {self.name}. Enter comes back"
        if room is None or self.state != "open":
            return f"{self.name}: {self.words} …"
        unsent = len(self.unsent)
        waiting = f", {unsent} to send" if unsent else ""
        if room.path == "offline":
            return f"{self.name}: not connected to {_place(room)}, trying again{waiting}"
        if self.held:
            return f"{self.name}: {self.held}, trying again{waiting}"
        self._rtt_ms = steady(self._rtt_ms, room.rtt_ms)
        rtt = "" if self._rtt_ms is None else f", {self._rtt_ms:.1f} ms"
        return f"{self.name} · {path_words(room.path)}{_at(room)}{rtt}{waiting}"


def _place(room: RoomView) -> str:
    return "the others" if room.where == "p2p" else room.where


def _at(room: RoomView) -> str:
    return "" if room.where == "p2p" else f" {room.where}"
