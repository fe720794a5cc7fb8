"""A visit to a room: what is typed goes in, what happens comes out, until there is no more to type.

The front end decides how that is worded: as text for people, or as JSON lines.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sandpiper.common.errors import Code, Refusal, Rejected, SandpiperError, Unreachable
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import QUIT_S
from sandpiper.common.lines import TooLong
from sandpiper.peer import Room
from sandpiper.peer.events import Delivered, Entered, Event, Failed, Received

if TYPE_CHECKING:
    from sandpiper.peer.attach.doors import AttachReady


class Source(Protocol):
    """A source of lines."""

    async def read(self) -> bytes | TooLong | None:
        """The next line, a TooLong for one that was too long, None at the end. May be cancelled and called again."""


@dataclass(frozen=True, slots=True)
class Go:
    """Leaves for another room, or for good without one."""

    room: str | None = None


class Frontend(Protocol):
    """A front end: it understands lines, and words events."""

    async def take(self, room: Room, line: bytes | TooLong) -> Go | None:
        """Carries one line out. Raises SandpiperError; Refusals are its own to tell."""

    async def hear(self, room: Room, event: Event) -> None:
        """Shows one event."""

    def ready(self, doors: AttachReady) -> None:
        """Says that doors for tools are open."""


@dataclass
class Visit:
    """A visit to one room, from entering to leaving."""

    room: Room
    frontend: Frontend
    source: Source
    _acked: int = 0
    _seen: int = 0
    _shown: asyncio.Event = field(default_factory=asyncio.Event)
    _inside: asyncio.Event = field(default_factory=asyncio.Event)
    _failure: Failed | None = None

    async def run(self) -> Go:
        """Runs until the lines end or one of them leaves. Raises SandpiperError if not everything was stored."""
        watching = asyncio.create_task(self._watch())
        typing = asyncio.create_task(self._type())
        try:
            await asyncio.wait({watching, typing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end(*(task for task in (watching, typing) if not task.done()))
            results = await asyncio.gather(watching, typing, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result
        if isinstance(results[1], Go):
            return results[1]
        raise SandpiperError("the room was closed")

    async def _watch(self) -> None:
        async for event in self.room:
            await self.frontend.hear(self.room, event)
            match event:
                case Entered():
                    self._inside.set()
                case Delivered():
                    self._acked = max(self._acked, event.seq)
                case Failed():
                    self._failure = self._failure or event
                case Received():
                    # Acknowledgements are of one log: the broker's, or between peers one's own.
                    if event.message.run == self.room.run:
                        self._seen = max(self._seen, event.message.seq)
            self._shown.set()

    async def _type(self) -> Go:
        await self._inside.wait()  # that one is in the room is said before anything is answered
        go: Go | None = None
        while go is None and (line := await self.source.read()) is not None:
            go = await self.frontend.take(self.room, line)
        await self._finish()
        return go or Go()

    async def _finish(self) -> None:
        """Waits until all that was sent is stored, and shown as it came back. Raises SandpiperError."""
        await stored(self.room)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._until_shown(), QUIT_S)
        if self._failure is not None:
            raise refused(self._failure.code, self._failure.text)

    async def _until_shown(self) -> None:
        # Twice round the loop, for acknowledgements that the room has and we have not seen yet.
        for _ in range(2):
            await asyncio.sleep(0)
        while self._seen < self._acked:
            self._shown.clear()
            await self._shown.wait()


async def stored(room: Room) -> None:
    """Waits until all that was posted is stored. After QUIT_S without progress raises SandpiperError: exit code 1, or
    6 where what was sent is turned away.
    """
    try:
        await room.flush()
    except Unreachable as error:
        raise SandpiperError(str(error)) from None


def refused(code: str, text: str) -> SandpiperError:
    """The error for a person, of a publication that was refused for good."""
    if code == Code.ACCESS.value:
        from sandpiper.common.errors import AccessDenied

        return AccessDenied(text)
    return Rejected(f"not stored: {text}")


def too_long(line: TooLong, most: str) -> Refusal:
    """Makes the refusal for a line over the limit `most`, with its number where that is known."""
    name = f"line {line.line}" if line.line else "that line"
    return Refusal(Code.TOO_LARGE, f"{name} is too long: {most}")
