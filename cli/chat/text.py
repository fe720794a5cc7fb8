"""The tongue of people: lines as they are, commands with a slash."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sandpiper.cli.chat.commands import find
from sandpiper.cli.chat.ignoring import Ignored
from sandpiper.cli.chat.loop import Go, too_long
from sandpiper.cli.chat.render import Renderer
from sandpiper.cli.terminal import columns
from sandpiper.common.errors import Code, Refusal, SandpiperError, UsageError
from sandpiper.common.legacy import RoomCreated
from sandpiper.common.limits import NAMES_SEEN, QUIT_S, TEXT_BYTES, WINDOW_MESSAGES
from sandpiper.common.lines import TooLong
from sandpiper.common.messages import Notice
from sandpiper.peer import Room
from sandpiper.peer.events import CodeChanged, Delivered, Entered, Event, Failed, Held, PathChanged, Received, Resumed
from sandpiper.tui.wording import GOES_ON, held_up

if TYPE_CHECKING:
    from sandpiper.cli.attach import AttachReady

_WHO_S: Final = 1.0
"""What is said waits so long for who is there: they are to be known before an impostor of theirs speaks."""


class View(Protocol):
    """Where lines are shown."""

    async def show(self, line: str) -> None:
        """A line of the room; waits while too much is waiting to be shown."""

    def status(self, line: str) -> None:
        """How the connection does, and what went wrong: beside the room's lines."""

    def paste(self, line: str) -> None:
        """A line to be copied: by itself, beside the room's lines."""

    def sent(self, name: str, line: str) -> None:
        """The own line `name` is under way."""

    def settled(self, name: str) -> None:
        """And now it is not."""

    def clear(self) -> None:
        """Forgets what has been shown, where that can be."""


@dataclass(frozen=True, slots=True)
class Share:
    """How others are asked in: `line` makes what they paste out of the code; `opened` is said before, with the code.

    The line asks for a password where there is one (`line(code, password)`), and so does the invite `link`. With `qr`
    the link's QR code is drawn as well.
    """

    line: Callable[[str, bool], str]
    link: Callable[[str, bool], str]
    opened: str = "the room's code is {code}; others join with"
    qr: bool = False


def is_command(text: str) -> bool:
    """Whether a typed line is `/command arguments`, and no message."""
    return text.startswith("/") and not text.startswith("//")


class Text:
    """One person's chat, over all its rooms. `nicks` collects who may be meant, for completion.

    `echoed` is whether a terminal shows what is typed.
    """

    def __init__(
        self,
        view: View,
        renderer: Renderer,
        nicks: set[str] | None = None,
        *,
        share: Share | None = None,
        echoed: bool = False,
    ) -> None:
        self.view = view
        self.renderer = renderer
        self.nicks = set() if nicks is None else nicks
        self.ignored = Ignored()
        self._share = share
        self._echoed = echoed
        self._typed: dict[str, None] = {}  # the messages that stand on the terminal as they were typed, by their ids

    async def take(self, room: Room, line: bytes | TooLong) -> Go | None:
        """One typed line: a message, `/command arguments`, or `//text` for a message that begins with a slash."""
        try:
            if isinstance(line, TooLong):
                raise too_long(line, f"a command has at most {TEXT_BYTES:,} bytes, and is not split")
            text = line.decode("utf-8", "replace").rstrip("\r")
            if is_command(text):
                return await self._command(room, text)
            if text.strip():
                await self.post(room, text[1:] if text.startswith("//") else text)
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
        if self.ignored.covers(event):
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
                self.view.status(self.renderer.dim(self.renderer.plain(text)))
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

    def share(self, room: Room, code: str, words: str = "the room's code is {code}; others join with") -> None:
        """The code, and what others paste to come in."""
        share = self._share
        self.view.status(words.format(code=code))
        if share is not None:
            self.view.paste(share.line(code, room.password_needed))
            if share.qr:
                try:
                    self.draw(self.link(room, code))
                except Refusal as refusal:  # a narrow terminal is no reason not to talk
                    self.view.status(self.renderer.error(refusal.text))

    def link(self, room: Room, code: str) -> str:
        """The invite link. Raises Refusal where there is none."""
        if self._share is None:
            raise Refusal(Code.INVALID, "this room has no invite link")
        return self._share.link(code, room.password_needed)

    def draw(self, link: str) -> None:
        """An invite link as a QR code, where the terminal is large enough. Raises Refusal."""
        from sandpiper.cli.qr import qr_lines

        lines = qr_lines(link, columns())
        if lines is None:
            raise Refusal(Code.INVALID, "the terminal is too narrow for a QR code; /code link shows the link")
        for line in lines:
            self.view.paste(line)

    def ready(self, doors: AttachReady) -> None:
        """Where tools come in."""
        self.view.status(f"tools publish at {doors.plain_xsub} and subscribe at {doors.plain_xpub}, room {doors.room}")
        self.view.status(f"and speak JSON lines at {doors.lines}")

    def _code_changed(self, room: Room, event: CodeChanged) -> None:
        if event.password is not None:
            self.view.status(f"the room's password is now {self.renderer.plain(event.password)}")
        self.share(room, event.code, "the room has another code now, {code}; others join with")

    async def _entered(self, room: Room, event: Entered) -> None:
        self.renderer.know([event.nick])
        back = "back " if event.again else ""
        self.view.status(self.renderer.dim(f"{back}in {event.room} as {self.renderer.plain(event.nick)}, {room.where}"))
        await self._meet(room)

    async def _meet(self, room: Room) -> None:
        """Gets to know who is there, before anybody speaks: of two similar nicks the one known first is not marked."""
        with contextlib.suppress(asyncio.TimeoutError, Refusal, SandpiperError):
            members = await asyncio.wait_for(room.members(), _WHO_S)
            members = sorted(members, key=lambda member: not member.verified)  # a nick with a key behind it comes first
            self.renderer.know(member.nick for member in members[: NAMES_SEEN // 2])

    async def _command(self, room: Room, text: str) -> Go | None:
        word, _, rest = text[1:].partition(" ")
        command = find(word)
        try:
            return await asyncio.wait_for(command.handler(self, room, rest.strip()), QUIT_S)
        except asyncio.TimeoutError:
            self.view.status(self.renderer.error(f"/{command.name}: no answer; try again"))
            return None
