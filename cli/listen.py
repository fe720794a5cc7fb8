"""`sandpiper listen`: a room's messages on stdout."""

from __future__ import annotations

import asyncio

import click

from sandpiper.cli.dial import Dialer
from sandpiper.cli.json_lines import joined
from sandpiper.cli.loop import run
from sandpiper.cli.options import Caller, caller_options
from sandpiper.cli.render import Renderer
from sandpiper.cli.stdio import Output, output, status
from sandpiper.cli.terminal import coloured
from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.limits import BACKLOG_MOST
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Lost, Notice, Trimmed
from sandpiper.common.sanitise import printable
from sandpiper.common.target import Target, parse_broker
from sandpiper.peer import Room
from sandpiper.peer.events import Entered, Event, PathChanged, Received


@click.command("listen")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print objects: joined, msg, me, data, notice, lost, …")
@click.option(
    "--backlog", type=click.IntRange(0, BACKLOG_MOST), metavar="N", help="Begin with the newest N stored messages."
)
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Begin after the message SEQ.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N messages.")
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="S", help="End after S seconds; 1 if --count is not reached."
)
@caller_options
def command(
    caller: Caller,
    target: str,
    as_json: bool,
    backlog: int | None,
    after: int | None,
    count: int | None,
    timeout: float | None,
) -> None:
    """Print the messages of the room TARGET, HOST[:PORT][/ROOM]. Nobody is told that you listen.

    \b
    sandpiper listen localhost:5000/lobby --json | jq -r .text
    sandpiper listen localhost:5000/ci --count 1 --timeout 60
    """  # noqa: D301  # click means the character
    if backlog is not None and after is not None:
        raise UsageError("give --backlog or --after, not both")
    aim = parse_broker(target)
    run(_listen(caller, aim, as_json, count, timeout, backlog=backlog or 0, after=after))


async def _listen(
    caller: Caller,
    aim: Target,
    as_json: bool,
    count: int | None,
    timeout: float | None,
    *,
    backlog: int,
    after: int | None,
) -> None:
    dialer = Dialer(caller)
    async with output() as out, dialer.room(aim, member=False, backlog=backlog, after=after) as room:
        printer = Printer(out, count, as_json=as_json)
        try:
            await asyncio.wait_for(printer.run(room), timeout)
        except asyncio.TimeoutError:
            if count is not None:
                raise SandpiperError(f"{printer.printed} of {count} messages came within {timeout:g} s") from None


class Printer:
    """Prints events until so many messages have come. `count` None is for ever."""

    def __init__(self, out: Output, count: int | None, *, as_json: bool) -> None:
        self._out = out
        self._count = count
        self._json = as_json
        self._renderer = Renderer(colours=coloured())
        self.printed = 0

    async def run(self, room: Room) -> None:
        """Until `count` stored messages have been printed, or the room ends. Raises SandpiperError."""
        async for event in room:
            await self._out.ready()
            if self._json:
                await self._object(room, event)
            else:
                self._line(event)
            if isinstance(event, Received):
                self.printed += 1
                if self.printed == self._count:
                    return

    async def _object(self, room: Room, event: Event) -> None:
        match event:
            case Received(message=message):
                self._out.write(encode_line(message))
            case Entered():
                self._out.write(encode_line(await joined(room, event)))
            case Notice() | Lost() | Trimmed():
                self._out.write(encode_line(event))
            case PathChanged():
                status(printable(event.text))

    def _line(self, event: Event) -> None:
        # Messages alone on stdout: scripts read it.
        match event:
            case Received():
                self._out.write(f"{self._renderer.event(event)}\n".encode("utf-8", "replace"))
            case Lost() | Trimmed():
                status(Renderer().event(event) or "")
            case PathChanged():
                status(printable(event.text))
