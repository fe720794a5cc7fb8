"""`sandpiper listen`: a room's messages on stdout."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import click

from sandpiper.chat.wording import GOES_ON, held_up
from sandpiper.cli.chat import objects
from sandpiper.cli.chat.dial import Aim, Dialer
from sandpiper.cli.chat.json_frontend import joined
from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.filters import Filters, filter_option
from sandpiper.cli.hooks import Hook, hook_options, public_name
from sandpiper.cli.loop import run
from sandpiper.cli.options.common import Caller
from sandpiper.cli.options.peer import Peering, target_options
from sandpiper.cli.stdio import Output, output, status
from sandpiper.cli.terminal import coloured
from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.legacy import PeerJoined, PeerLeft
from sandpiper.common.limits import BACKLOG_MOST
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Found, Lost, Notice, Trimmed
from sandpiper.common.target import Target
from sandpiper.peer import Room
from sandpiper.peer.events import (
    WRITING_WAITS,
    CodeChanged,
    Entered,
    Event,
    Held,
    PathChanged,
    Received,
    Resumed,
    Warned,
)

_NO_PATH: Final = frozenset(("offline", "none", "connecting", "alone"))


@click.command("listen")
@click.option("--json", "as_json", is_flag=True, help="Print objects: joined, msg, me, data, notice, lost, …")
@click.option(
    "--backlog", type=click.IntRange(0, BACKLOG_MOST), metavar="N", help="Begin with the newest N stored messages."
)
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Begin after the message SEQ.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N messages.")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    metavar="S",
    help="End after S seconds, with exit code 1 if --count is not reached.",
)
@filter_option
@hook_options
@target_options
def command(
    caller: Caller,
    aim: Aim,
    peering: Peering,
    as_json: bool,
    backlog: int | None,
    after: int | None,
    count: int | None,
    timeout: float | None,
    filters: Filters,
    command_line: list[str] | None,
    jobs: int,
) -> None:
    """Print the messages of the room TARGET. Nobody is told that you listen.

    TARGET is HOST[:PORT][/ROOM], a room code or an invite link; `@` is the code of SANDPIPER_CODE or --code-file.

    \b
    sandpiper listen pine-ocean-42 --backlog 10
    sandpiper listen localhost:5000/lobby --json | jq -r .text
    sandpiper listen localhost:5000/ci --count 1 --timeout 60
    sandpiper listen localhost:5000/ci --filter 'nick=ci,regex=(?i)failed' --exec 'notify-send CI'
    """  # noqa: D301  # click means the character
    if backlog is not None and after is not None:
        raise UsageError("give --backlog or --after, not both")
    if after is not None and not isinstance(aim, Target):
        raise UsageError("--after is for a broker's room, which numbers its messages; between peers use --backlog")
    wanted = Selection(filters, count, timeout, as_json)
    run(_listen(peering.dialer(caller), aim, wanted, command_line, jobs, backlog=backlog or 0, after=after))


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of a room to take: `count` messages and `timeout_s` seconds, None for ever."""

    filters: Filters
    count: int | None
    timeout_s: float | None
    as_json: bool


async def _listen(
    dialer: Dialer,
    aim: Aim,
    wanted: Selection,
    command_line: list[str] | None,
    jobs: int,
    *,
    backlog: int,
    after: int | None,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        out = await stack.enter_async_context(output(watched=command_line is None))
        listener: MessageConsumer = Printer(out, wanted)
        if command_line is not None:
            hook = Hook(command_line, jobs=jobs, as_json=wanted.as_json)
            listener = Runner(await stack.enter_async_context(hook), wanted)
        room = await stack.enter_async_context(dialer.reach(aim, listen=True, backlog=backlog, after=after))
        try:
            await asyncio.wait_for(listener.run(room), wanted.timeout_s)
        except asyncio.TimeoutError:
            if wanted.count is not None:
                raise SandpiperError(
                    f"{listener.taken} of {wanted.count} messages came within {wanted.timeout_s:g} s"
                ) from None


class MessageConsumer(ABC):
    """Takes what is wanted of a room's events, until so many messages have come."""

    def __init__(self, wanted: Selection) -> None:
        self._wanted = wanted
        self._waits = False
        self.taken = 0

    async def run(self, room: Room) -> None:
        """Runs until `count` stored messages have been taken, or the room ends. Raises SandpiperError."""
        async for event in room:
            message = event.message if isinstance(event, Received) else event
            if not self._wanted.filters.passes(message):
                continue
            await self.take(room, event)
            if isinstance(event, Received):
                self.taken += 1
                if self.taken == self._wanted.count:
                    return

    @abstractmethod
    async def take(self, room: Room, event: Event) -> None:
        """Takes a message."""

    def tell(self, event: Event) -> None:
        """Says on stderr what a person has to know besides the messages. Of the connection only why nothing comes, and
        then that it is there: once messages come, they say so themselves.
        """
        match event:
            case CodeChanged():
                status(f"the room has another code now: {event.code}")
            case Lost() | Found() | Trimmed() | Warned():
                status(LineRenderer().event(event) or "")
            case Held():
                status(held_up(event))
            case Resumed():
                status(GOES_ON)
            case _:
                self.tell_path(event)

    def tell_path(self, event: Event) -> None:
        """Says how messages travel, while it waits for that."""
        if isinstance(event, PathChanged):
            waited, self._waits = self._waits, event.path in _NO_PATH
            if waited or self._waits:
                status(event.text.removesuffix(WRITING_WAITS))  # a listener writes nothing


class Runner(MessageConsumer):
    """Runs a command for each message; for notices too where a filter names them."""

    def __init__(self, hook: Hook, wanted: Selection) -> None:
        super().__init__(wanted)
        self._hook = hook

    async def take(self, room: Room, event: Event) -> None:
        """See MessageConsumer."""
        where = public_name(room.name, room.code)
        match event:
            case Received(message=message):
                await self._hook.take(message, where)
            case Notice() if self._wanted.filters.names("notice"):
                await self._hook.take(event, where)
            case _:
                self.tell(event)


class Printer(MessageConsumer):
    """Prints them."""

    def __init__(self, out: Output, wanted: Selection) -> None:
        super().__init__(wanted)
        self._out = out
        self._renderer = LineRenderer(colours=coloured())

    async def take(self, room: Room, event: Event) -> None:
        """See MessageConsumer."""
        await self._out.ready()
        if self._wanted.as_json:
            await self._object(room, event)
        elif isinstance(event, Received):  # messages alone on stdout: scripts read it
            self._out.show(self._renderer.event(event) or "")
        else:
            self.tell(event)

    async def _object(self, room: Room, event: Event) -> None:
        match event:
            case Received(message=message):
                self._out.write(encode_line(message))
            case Entered():
                self._out.write(encode_line(await joined(room, event)))
            case Warned():
                self._out.write(encode_line(objects.Caution(event.kind, event.text, int(time.time()))))
            case CodeChanged():
                self._out.write(encode_line(objects.CodeNow(event.code, event.password)))
            case Notice() | Lost() | Found() | Trimmed() | PeerJoined() | PeerLeft():
                self._out.write(encode_line(event))
            case _:
                self.tell_path(event)
