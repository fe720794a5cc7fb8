"""`sandpiper listen`: a room's messages on stdout."""

from __future__ import annotations

import asyncio
import time

import click

from sandpiper.cli import objects
from sandpiper.cli.dial import Aim, Dialer
from sandpiper.cli.json_lines import joined
from sandpiper.cli.loop import run
from sandpiper.cli.options import Caller
from sandpiper.cli.peering import Peering, target_options
from sandpiper.cli.render import Renderer
from sandpiper.cli.stdio import Output, output, status
from sandpiper.cli.terminal import coloured
from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.limits import BACKLOG_MOST
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Lost, Notice, Trimmed
from sandpiper.common.original import PeerJoined, PeerLeft
from sandpiper.common.sanitise import printable
from sandpiper.common.target import Target
from sandpiper.peer import Room
from sandpiper.peer.events import CodeChanged, Entered, Event, PathChanged, Received, Warned


@click.command("listen")
@click.option("--json", "as_json", is_flag=True, help="Print objects: joined, msg, me, data, notice, lost, …")
@click.option(
    "--backlog", type=click.IntRange(0, BACKLOG_MOST), metavar="N", help="Begin with the newest N stored messages."
)
@click.option("--after", type=click.IntRange(0), metavar="SEQ", help="Begin after the message SEQ.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N messages.")
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="S", help="End after S seconds; 1 if --count is not reached."
)
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
) -> None:
    """Print the messages of the room TARGET. Nobody is told that you listen.

    TARGET is HOST[:PORT][/ROOM], a room code or an invite link; `@` is the code of SANDPIPER_CODE or --code-file.

    \b
    sandpiper listen pine-ocean-42 --backlog 10
    sandpiper listen localhost:5000/lobby --json | jq -r .text
    sandpiper listen localhost:5000/ci --count 1 --timeout 60
    """  # noqa: D301  # click means the character
    if backlog is not None and after is not None:
        raise UsageError("give --backlog or --after, not both")
    if after is not None and not isinstance(aim, Target):
        raise UsageError("--after is for a broker's room, which numbers its messages; between peers use --backlog")
    run(_listen(peering.dialer(caller), aim, as_json, count, timeout, backlog=backlog or 0, after=after))


async def _listen(
    dialer: Dialer,
    aim: Aim,
    as_json: bool,
    count: int | None,
    timeout: float | None,
    *,
    backlog: int,
    after: int | None,
) -> None:
    async with output() as out, dialer.reach(aim, listen=True, backlog=backlog, after=after) as room:
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
            case Warned():
                self._out.write(encode_line(objects.Caution(event.kind, event.text, int(time.time()))))
            case CodeChanged():
                self._out.write(encode_line(objects.CodeNow(event.code, event.password)))
            case Notice() | Lost() | Trimmed() | PeerJoined() | PeerLeft():
                self._out.write(encode_line(event))
            case PathChanged():
                status(printable(event.text))

    def _line(self, event: Event) -> None:
        # Messages alone on stdout: scripts read it.
        match event:
            case Received():
                self._out.write(f"{self._renderer.event(event)}\n".encode("utf-8", "replace"))
            case CodeChanged():
                status(f"the room has another code now: {event.code}")
            case Lost() | Trimmed() | Warned():
                status(Renderer().event(event) or "")
            case PathChanged():
                status(printable(event.text))
