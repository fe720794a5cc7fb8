"""A chat in lines, as the commands of chat.commands use it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from sandpiper.chat.ignored import Ignored
from sandpiper.chat.port import Action
from sandpiper.chat.table import Row
from sandpiper.cli.chat.chat_options import Invitation
from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.chat.loop import Go
from sandpiper.cli.chat.view import View
from sandpiper.cli.styled import one_line
from sandpiper.cli.terminal import columns
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.messages import Member
from sandpiper.common.rooms import room_name
from sandpiper.peer.view import RoomView


@dataclass
class LineChat:
    """The chat for one command; see chat.port.Chat. `go` and `question` are what the command leaves to do.

    `asks` is whether a person is there to answer a question.
    """

    room: RoomView
    view: View
    renderer: LineRenderer
    ignored: Ignored
    nicks: set[str]
    sends: Callable[[str, str], Awaitable[None]]
    share: Invitation | None = None
    asks: bool = False
    go: Go | None = None
    question: Action | None = None
    has_screen: bool = False

    @property
    def open_rooms(self) -> Collection[str]:
        """The one room."""
        return (self.room.name,)

    async def members(self) -> Sequence[Member]:
        """Asks the room who is present, and learns their nicks."""
        members = await self.room.members()
        self.nicks.update(member.nick for member in members)
        return members

    def look_alike(self, nick: str) -> str:
        """Returns the other nick that this one looks like, or an empty string."""
        return self.renderer.look_alikes.alike(nick)

    def has_heard(self, nick: str) -> bool:
        """Returns whether somebody of that nick has spoken."""
        return nick in self.nicks

    async def post(self, text: str, kind: str) -> None:
        """Sends a message."""
        await self.sends(text, kind)

    async def whispered(self, to: str, text: str) -> None:
        """Shows what the reader has whispered."""
        await self.view.show(self.renderer.whispered(to, text, time.time()))

    async def note(self, text: str) -> None:
        """Shows one line."""
        await self.table([[(text, "")]])

    async def table(self, rows: list[Row]) -> None:
        """Shows lines."""
        for row in rows:
            await self.view.show(one_line("-- ", self.renderer.row(row)))

    async def help(self, rows: list[Row]) -> None:
        """Shows the list of commands."""
        await self.table(rows)

    def paste(self, lines: Sequence[str]) -> None:
        """Shows lines as they are."""
        for line in lines:
            self.view.paste(line)

    def join_line(self, code: str) -> str:
        """Returns the command line by which others join."""
        return f"sandpiper join {code}" if self.share is None else self.share.line(code, self.room.password_needed)

    def link(self, code: str) -> str:
        """Returns the invite link. Raises Refusal where there is none."""
        if self.share is None:
            raise Refusal(Code.INVALID, "this room has no invite link")
        return self.share.link(code, self.room.password_needed)

    def draw(self, link: str) -> list[str]:
        """Returns the lines of a QR code. Raises Refusal where the terminal is too narrow."""
        from sandpiper.cli.qr import qr_lines

        lines = qr_lines(link, columns())
        if lines is None:
            raise Refusal(Code.INVALID, "the terminal is too narrow for a QR code; /code link shows the link")
        return lines

    async def ask(self, question: str, action: Action, *, of_person: bool = False) -> None:
        """Asks a person; a program that wrote the command has nobody to ask, and has decided."""
        if not self.asks:
            if not of_person:
                await action()
            return
        await self.note(f"{question} y: yes. Anything else: no")
        self.question = action

    def join(self, text: str) -> None:
        """Leaves for another room at the same broker, or between peers for another code. Raises Refusal, UsageError."""
        from sandpiper.common.codes import is_code_like, parse_code

        if not text:
            what = "a room here" if self.room.code is None else "a CODE such as pine-ocean-42"
            raise Refusal(Code.INVALID, f"where to? {what}")
        if self.room.code is not None:
            name = str(parse_code(text))
        elif is_code_like(text):  # what is nearly a secret is not told to a broker
            raise Refusal(
                Code.INVALID,
                "that reads like a room code: `sandpiper join` takes it; a room here that is called so is /join /ROOM",
            )
        else:
            name = self._room_here(text[1:] if text[:1] in ("/", "#") else text)
        if name != self.room.name:
            self.go = Go(name)

    def _room_here(self, text: str) -> str:
        try:
            return room_name(text)
        except Refusal as refusal:
            if any(mark in text for mark in ":/["):
                elsewhere = "`sandpiper connect` takes HOST[:PORT][/ROOM], and `sandpiper join` an invite link"
                raise Refusal(refusal.code, f"/join takes a room of this broker here; {elsewhere}") from None
            raise

    def leave(self, *, everything: bool = False) -> None:
        """Leaves: there is only one room."""
        self.go = Go()

    def clear(self) -> None:
        """Empties the screen, where that can be done."""
        self.view.clear()

    async def screen_command(self, name: str, rest: str) -> None:
        """Never called: chat.commands refuses these commands first."""
        raise NotImplementedError(name)
