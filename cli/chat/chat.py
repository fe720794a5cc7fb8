"""A chat, in whichever form it is wanted: on a screen, in a pipe, in JSON lines, or with nobody at the keyboard."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from sandpiper.chat.commands import is_command
from sandpiper.chat.wording import farewell
from sandpiper.cli.chat.chat_options import ChatOptions, DoorsWanted, Opener, farewell_to
from sandpiper.cli.chat.dial import Dialer
from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.chat.loop import Frontend, Go, Source, Visit
from sandpiper.cli.chat.text_frontend import TextFrontend
from sandpiper.cli.chat.view import View
from sandpiper.cli.stdio import Input, Output, output, say, status
from sandpiper.cli.styled import one_line
from sandpiper.cli.terminal import coloured, echoed, interactive
from sandpiper.common.limits import ENDING_S, INPUT_LINE_BYTES, QUIT_S
from sandpiper.common.lines import LineReader, TooLong
from sandpiper.common.pieces import Piece, PieceReader
from sandpiper.common.target import Target
from sandpiper.peer import Room

_HEADLESS_END_S: Final = 2 * QUIT_S + ENDING_S
"""What has been said is stored before, and shown."""


async def chat(open_room: Opener, dialer: Dialer, options: ChatOptions, home: Target | None = None) -> None:
    """Holds a chat: one room after another, or on a screen several at once. Raises SandpiperError.

    `home` is the broker whose rooms can be named without it.
    """
    nick = dialer.caller.nick
    if options.as_json or options.headless:
        await _lines(open_room, nick, options)
    elif interactive() and not options.plain:
        from sandpiper.cli.chat.fullscreen import RoomOpener, fullscreen  # Textual takes 200 ms

        await fullscreen(RoomOpener(dialer, open_room, home, options), options)
    else:
        await _lines(open_room, nick, options)


async def _lines(open_room: Opener, nick: str, options: ChatOptions) -> None:
    async with output(lasting=options.headless) as out:
        if interactive() and sys.platform != "win32" and not (options.as_json or options.headless):
            from sandpiper.cli.chat.prompt import Prompt  # prompt_toolkit takes 100 ms

            prompt = Prompt(out)
            await visits(open_room, nick, _text(prompt, options), prompt, options, prompt.open)
            return
        frontend = _frontend(out, options)
        if not options.headless:
            source = Input(LineReader(INPUT_LINE_BYTES)) if options.as_json else TypedLines()
            await visits(open_room, nick, frontend, source, options)
            return
        from sandpiper.cli.services import stopping_on_signals

        stop = asyncio.Event()
        with stopping_on_signals(stop, _HEADLESS_END_S):
            await visits(open_room, nick, frontend, Signals(stop), options)


def _frontend(out: Output, options: ChatOptions) -> Frontend:
    if options.as_json:
        from sandpiper.cli.chat.json_frontend import JsonFrontend

        return JsonFrontend(out)
    return _text(Pipe(out), options)


def _text(view: View, options: ChatOptions) -> TextFrontend:
    return TextFrontend(view, LineRenderer(colours=coloured()), share=options.share, echoed=echoed())


async def visits(
    open_room: Opener,
    nick: str,
    frontend: Frontend,
    source: Source,
    options: ChatOptions,
    writing: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext,
) -> None:
    """Visits one room after another, under the nick that was taken last. Raises SandpiperError.

    `writing` is open inside each room; between rooms the terminal may ask for something else.
    """
    go = Go("")
    while go.room is not None:
        async with open_room(go.room, nick) as room, _attached(room, frontend, options) as heard, writing():
            go = await Visit(room, heard, source).run()
            nick = room.nick
            if go.room is None and room.code is not None and not options.headless:
                if not options.as_json:
                    status(farewell_to(room, options.share))
                elif room.alone:  # to a program no code is quoted
                    status(farewell("the room", True, ""))


@contextlib.asynccontextmanager
async def _attached(room: Room, frontend: Frontend, options: ChatOptions) -> AsyncIterator[Frontend]:
    if options.attach is DoorsWanted.NO:
        yield frontend
        return
    from sandpiper.cli.chat.tee import Tee
    from sandpiper.peer.attach.doors import attached

    async with attached(room, tcp=options.attach is DoorsWanted.TCP) as doors:
        tee = Tee(room, doors.desk, frontend, lambda: frontend.ready(doors.ready))
        try:
            yield tee
        finally:
            await tee.close()


class Pipe:
    """A View on stdout for whatever reads it; own lines show when they come back stored."""

    def __init__(self, out: Output) -> None:
        self._out = out

    async def show(self, line: str) -> None:
        """A line of the room, on stdout."""
        await self._out.ready()
        self._out.show(line)

    def status(self, line: str) -> None:
        """Shows the line on stderr."""
        status(line)

    def sent(self, name: str, line: str) -> None:
        """Does nothing: what has been written cannot be taken back."""

    def settled(self, name: str) -> None:
        """Does nothing."""

    def paste(self, line: str) -> None:
        """A line of its own, on stderr."""
        say(one_line("    ", line))

    def clear(self) -> None:
        """Does nothing, for the same reason."""


class TypedLines:
    """A Source of what people type or pipe: what does not fit a message comes in pieces, but a command never does."""

    def __init__(self) -> None:
        self._input = Input(PieceReader(is_command))

    async def read(self) -> bytes | TooLong | None:
        """See Source."""
        piece = await self._input.read()
        return piece.text.encode() if isinstance(piece, Piece) else piece


class Signals:
    """A Source without lines: it ends when the process is told to."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    async def read(self) -> bytes | None:
        """Waits for SIGINT or SIGTERM."""
        await self._stop.wait()
        return None
