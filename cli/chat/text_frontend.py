"""The front end for people: lines as they are, commands with a slash."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from sandpiper.chat.commands import is_command, obey
from sandpiper.chat.ignored import Ignored
from sandpiper.chat.port import Action
from sandpiper.chat.wording import GOES_ON, held_up
from sandpiper.cli.chat.chat_options import Invitation
from sandpiper.cli.chat.line_chat import LineChat
from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.chat.loop import Go, too_long
from sandpiper.cli.chat.view import View
from sandpiper.common.errors import Refusal, SandpiperError, UsageError
from sandpiper.common.legacy import RoomCreated
from sandpiper.common.limits import NAMES_SEEN, QUIT_S, TEXT_BYTES, WINDOW_MESSAGES
from sandpiper.common.lines import TooLong
from sandpiper.common.messages import Notice, Whisper
from sandpiper.peer import Room
from sandpiper.peer.events import CodeChanged, Delivered, Entered, Event, Failed, Held, PathChanged, Received, Resumed

if TYPE_CHECKING:
    from sandpiper.peer.attach.doors import AttachReady

_YES: Final = frozenset(("y", "yes"))
_NO: Final = frozenset(("n", "no", ""))
_WHO_S: Final = 1.0
"""What is said waits so long for who is there: they are to be known before an impostor of theirs speaks."""


class TextFrontend:
    """The front end for a person: lines of text, over all rooms. `nicks` collects those who were heard of.

    `echoed` is whether a terminal shows what is typed.
    """

    def __init__(
        self,
        view: View,
        renderer: LineRenderer,
        nicks: set[str] | None = None,
        *,
        share: Invitation | None = None,
        echoed: bool = False,
    ) -> None:
        self.view = view
        self.renderer = renderer
        self.nicks = set() if nicks is None else nicks
        self.ignored = Ignored()
        self._share = share
        self._echoed = echoed
        self._question: Action | None = None  # what a yes on the next line carries out
        self._typed: dict[str, None] = {}  # the messages that stand on the terminal as they were typed, by their ids

    async def take(self, room: Room, line: bytes | TooLong) -> Go | None:
        """Carries out a typed line: a message, a command, or `//text` for a message that begins with a slash."""
        action, self._question = self._question, None
        try:
            if isinstance(line, TooLong):
                raise too_long(line, f"a command has at most {TEXT_BYTES:,} bytes, and is not split")
            text = line.decode("utf-8", "replace").rstrip("\r")
            if action is not None and text.strip().lower() in _YES:
                await self._within_reason("that", action())
                return None
            if action is not None:
                self.view.status("not done" if text.strip().lower() in _NO else "not done; what you typed is not sent")
                if not is_command(text):  # an answer is for nobody else to read
                    return None
            if not text.startswith("/"):
                if text.strip():
                    await self.post(room, text)
            elif is_command(text):
                return await self._command(room, text)
            else:
                await self.post(room, text[1:])
        except Refusal as refusal:
            self.view.status(self.renderer.error(refusal.text))
        except UsageError as error:
            self.view.status(self.renderer.error(str(error)))
        return None

    async def post(self, room: Room, text: str, *, kind: str = "msg") -> None:
        """A message of one's own. Raises Refusal."""
        pending = await room.post(text, kind=kind)
        self.view.sent(pending.id, self.renderer.pending(room.nick, text, time.time()))
        if self._echoed and kind == "msg":
            self._typed[pending.id] = None
            if len(self._typed) > WINDOW_MESSAGES:  # more are not under way: it will not come back
                del self._typed[next(iter(self._typed))]

    async def hear(self, room: Room, event: Event) -> None:
        """Shows one event."""
        if self.ignored.people and self._hides(event):
            return
        match event:
            case Received():
                self.view.settled(event.message.id)
                self.nicks.add(event.message.nick)
            case Failed():
                self._typed.pop(event.id, None)
                self.view.settled(event.id)
                self.view.status(self.renderer.error(f"not stored: {event.text}"))
            case Held():
                self.view.status(self.renderer.error(held_up(event)))
            case Resumed():
                self.view.status(self.renderer.dim(GOES_ON))
            case Entered():
                await self._entered(room, event)
            case Notice(event="join" | "nick", nick=str(nick)):
                self.renderer.know([nick])
            case RoomCreated() if self._share is not None:
                self.share(room, event.code, self._share.opened)
            case CodeChanged():
                self._code_changed(room, event)
            case PathChanged():
                text = event.text if event.path != "offline" else f"{event.text}; connecting again"
                self.view.status(self.renderer.dim(text))
            case Delivered():
                pass  # shown when it comes back with its place in the log
        if isinstance(event, Notice) and (event.event, event.from_, event.nick) == (
            "leave",
            room.fingerprint,
            room.nick,
        ):
            return  # as the others saw it, while one was stopped
        if isinstance(event, Received) and event.own and event.message.id in self._typed:
            del self._typed[event.message.id]
            return  # it stands there as it was typed
        line = self.renderer.event(event)
        if line is not None:
            await self.view.show(line)

    def _hides(self, event: Event) -> bool:
        match event:
            case Received(message=said, own=False):
                return self.ignored.hides(said.nick, said.from_)
            case Whisper():
                return self.ignored.hides(event.nick, event.from_)
        return False

    def share(self, room: Room, code: str, words: str = "the room's code is {code}; others join with") -> None:
        """The code, and what others paste to come in."""
        share = self._share
        self.view.status(words.format(code=code))
        if share is not None:
            self.view.paste(share.line(code, room.password_needed))
            if share.qr:
                chat = self._chat(room)
                try:
                    chat.paste(chat.draw(chat.link(code)))
                except Refusal as refusal:  # a narrow terminal is no reason not to talk
                    self.view.status(self.renderer.error(refusal.text))

    def ready(self, doors: AttachReady) -> None:
        """Says where tools come in."""
        self.view.status(f"tools publish at {doors.plain_xsub} and subscribe at {doors.plain_xpub}, room {doors.room}")
        self.view.status(f"and speak JSON lines at {doors.lines}")

    def _code_changed(self, room: Room, event: CodeChanged) -> None:
        if event.password is not None:
            self.view.status(f"the room's password is now {event.password}")
        self.share(room, event.code, "the room has another code now, {code}; others join with")

    async def _entered(self, room: Room, event: Entered) -> None:
        self.renderer.know([event.nick])
        back = "back " if event.again else ""
        self.view.status(self.renderer.dim(f"{back}in {event.room} as {event.nick}, {room.where}"))
        await self._meet(room)

    async def _meet(self, room: Room) -> None:
        """Gets to know who is there, before anybody speaks: of two similar nicks the one known first is not marked."""
        with contextlib.suppress(asyncio.TimeoutError, Refusal, SandpiperError):
            members = await asyncio.wait_for(room.members(), _WHO_S)
            members = sorted(members, key=lambda member: not member.verified)  # a nick with a key behind it comes first
            self.renderer.know(member.nick for member in members[: NAMES_SEEN // 2])

    def _chat(self, room: Room) -> LineChat:
        async def send(text: str, kind: str) -> None:
            await self.post(room, text, kind=kind)

        return LineChat(
            room, self.view, self.renderer, self.ignored, self.nicks, send, self._share, asks=self._echoed
        )  # fmt: skip

    async def _command(self, room: Room, text: str) -> Go | None:
        chat = self._chat(room)
        await self._within_reason(text.partition(" ")[0], obey(chat, text))
        self._question = chat.question
        return chat.go

    async def _within_reason(self, name: str, work: Awaitable[None]) -> None:
        try:
            await asyncio.wait_for(work, QUIT_S)
        except asyncio.TimeoutError:
            self.view.status(self.renderer.error(f"{name}: no answer; try again"))
