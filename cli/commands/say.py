"""`sandpiper say`: one message, or the lines of a pipe, stored when it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import click

from sandpiper.chat.wording import GOES_ON, held_up
from sandpiper.cli.chat.dial import Aim, Dialer
from sandpiper.cli.chat.loop import refused, stored
from sandpiper.cli.loop import run
from sandpiper.cli.options.common import Caller
from sandpiper.cli.options.peer import Peering, target_options
from sandpiper.cli.stdio import Input, Output, output, status
from sandpiper.common.errors import Refusal, Rejected, SandpiperError, UsageError
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import LONG_LINES_NAMED, TEXT_BYTES
from sandpiper.common.lines import TooLong, encode_line
from sandpiper.common.messages import Ack
from sandpiper.common.pieces import PieceReader
from sandpiper.peer import Pending, Room
from sandpiper.peer.events import Held, PathChanged, Resumed

LONG: Final = ("split", "skip", "stop")
"""What becomes of lines that do not fit a message; the first unless one says another."""
_HINT: Final = "; --long split sends such lines in parts"


@click.command("say")
@click.option("--me", is_flag=True, help="Send it in the third person, as /me does.")
@click.option("--json", "as_json", is_flag=True, help="Print an ack object for each stored message.")
@click.option(
    "--long",
    "long_lines",
    type=click.Choice(LONG),
    default=LONG[0],
    help=f"Lines of stdin over {TEXT_BYTES:,} bytes: split them, skip them, or stop there [split].",
)
@target_options
@click.argument("text", nargs=-1, required=True)
def command(
    caller: Caller, aim: Aim, peering: Peering, text: tuple[str, ...], me: bool, as_json: bool, long_lines: str
) -> None:
    """Send TEXT to the room TARGET; a TEXT of `-` sends each line of stdin.

    TARGET is HOST[:PORT][/ROOM], a room code or an invite link; `@` is the code of SANDPIPER_CODE or --code-file.
    Ends with exit code 0 only once everything is stored: with the broker, or with another member. Nobody is told that
    you came. A line over the limit is sent as several messages, with "…" where they join; if one is left out, the exit
    code is 6.

    \b
    sandpiper say localhost:5000/lobby the build is green
    sandpiper say pine-ocean-42 the build is green
    tail -f app.log | sandpiper say localhost:5000/logs - --nick app
    """  # noqa: D301  # click means the character
    words = " ".join(text)
    if not words.strip():
        raise UsageError("there is no text to send")
    if words == "-":
        run(_say(peering.dialer(caller), aim, partial(_lines, long_lines), "me" if me else "msg", as_json=as_json))
    else:
        run(_say(peering.dialer(caller), aim, partial(_text, words), "me" if me else "msg", as_json=as_json))


async def _say(
    dialer: Dialer, aim: Aim, speak: Callable[[Room, str, Receipts], Awaitable[None]], kind: str, *, as_json: bool
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        out = await stack.enter_async_context(output()) if as_json else None
        room = await stack.enter_async_context(dialer.reach(aim, speak=True))
        stack.push_async_callback(end, asyncio.create_task(_tell(room)))
        receipts = Receipts(room, out)
        await speak(room, kind, receipts)
        await stored(room)
        await receipts.settle()


async def _tell(room: Room) -> None:
    """Why it takes long, on stderr, while it does: a pipe may wait for hours."""
    away = False
    with contextlib.suppress(SandpiperError):  # whoever sends is told
        async for event in room:
            if isinstance(event, Held):
                status(held_up(event))
            elif isinstance(event, Resumed):
                status(GOES_ON)
            elif isinstance(event, PathChanged) and (away or event.path == "offline"):
                away = event.path == "offline"
                status(f"{event.text}; connecting again" if away else event.text)


async def _text(text: str, room: Room, kind: str, receipts: Receipts) -> None:
    try:
        receipts.add(await room.post(text, kind=kind))
    except Refusal as refusal:
        receipts.fail(refused(refusal.code.value, refusal.text))


async def _lines(long_lines: str, room: Room, kind: str, receipts: Receipts) -> None:
    """Posts the lines of stdin as they come; the room's window and the pipe slow each other down."""
    source = Input(PieceReader(lambda line: long_lines != "split"))
    left_out = 0
    while (line := await source.read()) is not None:
        await receipts.ready()
        if isinstance(line, TooLong):
            left_out += 1
            if long_lines == "stop":
                break
            if left_out <= LONG_LINES_NAMED:
                status(f"line {line.line} is left out: it has more than {TEXT_BYTES:,} bytes")
        elif line.text.strip():
            try:
                receipts.add(await room.post(line.text, kind=kind))
            except Refusal as refusal:
                receipts.fail(refused(refusal.code.value, f"line {line.line}: {refusal.text}"))
    if isinstance(line, TooLong):
        receipts.fail(Rejected(f"stopped at line {line.line}, which has more than {TEXT_BYTES:,} bytes{_HINT}"))
    elif left_out:
        lines = "1 line has" if left_out == 1 else f"{left_out:,} lines have"
        receipts.fail(Rejected(f"not stored: {lines} more than {TEXT_BYTES:,} bytes{_HINT}"))


class Receipts:
    """The messages that wait to be stored. Acknowledgements are printed in the order of the messages."""

    def __init__(self, room: Room, out: Output | None) -> None:
        self._room = room
        self._out = out
        self._waiting: deque[Pending] = deque()
        self._failure: SandpiperError | None = None

    async def ready(self) -> None:
        """Waits while those that have been printed are not read."""
        if self._out is not None:
            await self._out.ready()

    def add(self, pending: Pending) -> None:
        """Adds a message that is under way, and ticks off those that are decided."""
        self._waiting.append(pending)
        self._tick_off()

    def fail(self, error: SandpiperError) -> None:
        """The first failure is what the command ends with, after all else is stored."""
        self._failure = self._failure or error

    async def settle(self) -> None:
        """Ticks the rest off. Raises SandpiperError if anything could not be stored."""
        for pending in self._waiting:
            if self._room.alone and not pending.done:
                self.fail(SandpiperError("everybody has left the room: what was said there is with nobody"))
                break
            with contextlib.suppress(Refusal):
                await pending
        self._tick_off()
        if self._failure is not None:
            raise self._failure

    def _tick_off(self) -> None:
        while self._waiting and self._waiting[0].done:
            pending = self._waiting.popleft()
            if isinstance(pending.error, Refusal):
                self.fail(refused(pending.error.code.value, pending.error.text))
            elif pending.seq is not None and self._out is not None:
                self._out.write(encode_line(Ack(pending.id, self._room.name, pending.seq)))
