"""A front end before another one, so that tools need not wait for a slow terminal."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from sandpiper.cli.chat.loop import Frontend, Go
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import QUIT_S, UNPRINTED_EVENTS
from sandpiper.common.lines import TooLong
from sandpiper.peer import Room
from sandpiper.peer.attach.doors import AttachReady
from sandpiper.peer.attach.tool_port import ToolPort
from sandpiper.peer.events import Entered, Event, Warned


class Tee:
    """Gives each event to the tool port at once, and to the other front end when that takes it.

    A terminal, or whoever reads stdout, may be slow or stopped; tools must not be for that. `ready` is called once
    the other has said that one is in the room.
    """

    def __init__(self, room: Room, desk: ToolPort, frontend: Frontend, ready: Callable[[], None]) -> None:
        self._room = room
        self._desk = desk
        self._frontend = frontend
        self._ready: Callable[[], None] | None = ready
        self._waiting: deque[tuple[Room, Event]] = deque()
        self._dropped = 0
        self._arrived = asyncio.Event()
        self._printed = asyncio.Event()
        self._printing = asyncio.create_task(self._print())

    async def take(self, room: Room, line: bytes | TooLong) -> Go | None:
        """See Frontend."""
        return await self._frontend.take(room, line)

    async def hear(self, room: Room, event: Event) -> None:
        """See Frontend."""
        if self._printing.done():
            self._printing.result()
        self._desk.hear(event)
        if len(self._waiting) >= UNPRINTED_EVENTS:
            self._dropped += 1
            return
        self._waiting.append((room, event))
        self._arrived.set()
        if isinstance(event, Entered) and self._ready is not None:
            await self._until_printed()
            self._ready()
            self._ready = None

    def ready(self, doors: AttachReady) -> None:
        """See Frontend."""
        self._frontend.ready(doors)

    async def close(self) -> None:
        """Prints what waits, unless nobody takes it."""
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._until_printed(), QUIT_S)
        finally:
            await end(self._printing)

    async def _print(self) -> None:
        try:
            while True:
                while self._waiting:
                    await self._frontend.hear(*self._waiting[0])
                    self._waiting.popleft()
                await self._say_what_was_dropped()
                self._printed.set()
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            self._printed.set()

    async def _say_what_was_dropped(self) -> None:
        if self._dropped:
            count, self._dropped = self._dropped, 0
            await self._frontend.hear(
                self._room, Warned("unread", f"{count} events were not printed: nobody read them")
            )

    async def _until_printed(self) -> None:
        while self._waiting and not self._printing.done():
            self._printed.clear()
            await self._printed.wait()
        if self._printing.done():
            self._printing.result()
