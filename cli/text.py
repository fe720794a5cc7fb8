"""The tongue of people: lines as they are, commands with a slash."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from sandpiper.cli.chat_commands import find
from sandpiper.cli.render import Renderer
from sandpiper.cli.visit import Go, too_long
from sandpiper.common.errors import Refusal
from sandpiper.common.limits import QUIT_S
from sandpiper.common.lines import TooLong
from sandpiper.peer import Room
from sandpiper.peer.events import Delivered, Entered, Event, Failed, PathChanged, Received


class View(Protocol):
    """Where lines are shown."""

    async def show(self, line: str) -> None:
        """A line of the room; waits while too much is waiting to be shown."""

    def status(self, line: str) -> None:
        """How the connection does, and what went wrong: beside the room's lines."""

    def sent(self, name: str, line: str) -> None:
        """The own line `name` is under way."""

    def settled(self, name: str) -> None:
        """And now it is not."""


class Text:
    """One person's chat, over all its rooms. `nicks` collects who may be meant, for completion."""

    def __init__(self, view: View, renderer: Renderer, nicks: set[str] | None = None) -> None:
        self.view = view
        self.renderer = renderer
        self.nicks = set() if nicks is None else nicks

    async def take(self, room: Room, line: bytes | TooLong) -> Go | None:
        """One typed line: a message, `/command arguments`, or `//text` for a message that begins with a slash."""
        try:
            if isinstance(line, TooLong):
                raise too_long()
            text = line.decode("utf-8", "replace").rstrip("\r")
            if text.startswith("/") and not text.startswith("//"):
                return await self._command(room, text)
            if text.strip():
                await self.post(room, text[1:] if text.startswith("//") else text)
        except Refusal as refusal:
            self.view.status(self.renderer.error(refusal.text))
        return None

    async def post(self, room: Room, text: str, *, kind: str = "msg") -> None:
        """A message of one's own. Raises Refusal."""
        pending = await room.post(text, kind=kind)
        self.view.sent(pending.id, self.renderer.pending(room.nick, text, time.time()))

    async def hear(self, room: Room, event: Event) -> None:
        """Shows one event."""
        match event:
            case Received():
                self.view.settled(event.message.id)
                self.nicks.add(event.message.nick)
            case Failed():
                self.view.settled(event.id)
                self.view.status(self.renderer.error(f"not stored: {event.text}"))
            case Entered():
                await self._entered(room, event)
            case PathChanged():
                text = event.text if event.path != "offline" else f"{event.text}; connecting again"
                self.view.status(self.renderer.dim(self.renderer.plain(text)))
            case Delivered():
                pass  # shown when it comes back with its place in the log
        line = self.renderer.event(event)
        if line is not None:
            await self.view.show(line)

    async def _entered(self, room: Room, event: Entered) -> None:
        self.renderer.know([event.nick])
        back = "back " if event.again else ""
        self.view.status(self.renderer.dim(f"{back}in {event.room} as {self.renderer.plain(event.nick)}, {room.where}"))

    async def _command(self, room: Room, text: str) -> Go | None:
        word, _, rest = text[1:].partition(" ")
        command = find(word)
        try:
            return await asyncio.wait_for(command.handler(self, room, rest.strip()), QUIT_S)
        except asyncio.TimeoutError:
            self.view.status(self.renderer.error(f"/{command.name}: no answer from the broker; try again"))
            return None
