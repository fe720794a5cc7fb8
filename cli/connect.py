"""`sandpiper connect`: a chat through a broker, on a screen, in a pipe or in JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import click

from sandpiper.cli.dial import Dialer
from sandpiper.cli.loop import run
from sandpiper.cli.options import Caller, caller_options
from sandpiper.cli.render import Renderer
from sandpiper.cli.stdio import Input, Output, output, status
from sandpiper.cli.terminal import coloured, interactive
from sandpiper.cli.text import Text
from sandpiper.cli.visit import Go, Source, Tongue, Visit
from sandpiper.common.errors import Refusal, UsageError
from sandpiper.common.limits import BACKLOG_MOST
from sandpiper.common.rooms import room_name
from sandpiper.common.target import FORM, PORT, Target, parse_host

Wish: TypeAlias = Mapping[str, int]


@click.command("connect")
@click.argument("target", required=False)
@click.option("--host", metavar="HOST", help="In place of TARGET.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help=f"The broker's door [{PORT}].")
@click.option("--room", metavar="ROOM", help="The room [lobby].")
@click.option("--one-port", is_flag=True, help="Send everything through the front door, even if the bus is in reach.")
@click.option(
    "--backlog",
    type=click.IntRange(0, BACKLOG_MOST),
    default=50,
    metavar="N",
    help="Begin with the newest N stored messages [50].",
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines on stdin and stdout.")
@click.option("--plain", is_flag=True, help="Line by line, without a prompt, as in a pipe.")
@caller_options
def command(
    caller: Caller,
    target: str | None,
    host: str | None,
    port: int | None,
    room: str | None,
    one_port: bool,
    backlog: int,
    as_json: bool,
    plain: bool,
) -> None:
    """Chat in a room of the broker TARGET, HOST[:PORT][/ROOM]. /help lists what one can do there.

    In a pipe each line of stdin is a message; it ends once all of them are stored.

    \b
    sandpiper connect localhost
    sandpiper connect chat.example.org:5000/ops --nick anna
    """  # noqa: D301  # click means the character
    dialer = Dialer(caller)
    aim = chosen(target, host, port, room)
    wish: Wish = {"one_port": one_port, "backlog": backlog}
    if as_json:
        run(_json(dialer, aim, wish))
    elif interactive() and not plain:
        run(_screen(dialer, aim, wish))
    else:
        run(_pipe(dialer, aim, wish))


def chosen(target: str | None, host: str | None, port: int | None, room: str | None) -> Target:
    """Where to, from TARGET or from --host, with --port and --room over what it says. Raises UsageError."""
    if target and host:
        raise UsageError("give TARGET or --host, not both")
    words = target or host
    if not words:
        raise UsageError(f"where to? give {FORM}, such as localhost:{PORT}")
    if host and ":" in host and not host.startswith("["):
        words = f"[{host}]" if host.count(":") > 1 else host
    aim = parse_host(words)
    try:
        return replace(aim, port=port or aim.port, room=room_name(room) if room else aim.room)
    except Refusal as refusal:
        raise UsageError(refusal.text) from None


async def _json(dialer: Dialer, aim: Target, wish: Wish) -> None:
    from sandpiper.cli.json_lines import JsonLines

    async with output() as out:
        await visits(dialer, aim, wish, JsonLines(out), Input())


async def _pipe(dialer: Dialer, aim: Target, wish: Wish) -> None:
    async with output() as out:
        # Colours where a person reads, but what is typed is not redrawn.
        chat = Text(Pipe(out), Renderer(colours=coloured()))
        await visits(dialer, aim, wish, chat, Input())


async def _screen(dialer: Dialer, aim: Target, wish: Wish) -> None:
    from sandpiper.cli.screen import Interrupted, Screen  # prompt_toolkit takes 90 ms

    nicks: set[str] = set()
    screen = Screen(nicks)
    chat = Text(screen, Renderer(screen=True, colours=coloured()), nicks)
    try:
        await visits(dialer, aim, wish, chat, screen)
    except Interrupted:
        raise KeyboardInterrupt from None
    finally:
        await screen.close()


async def visits(dialer: Dialer, aim: Target, wish: Wish, tongue: Tongue, source: Source) -> None:
    """One room after another, under the nick that one has by then. Raises SandpiperError."""
    nick = dialer.caller.nick
    go = Go(aim.room)
    while go.room is not None:
        async with dialer.room(replace(aim, room=go.room), nick=nick, **wish) as room:
            go = await Visit(room, tongue, source).run()
            nick = room.nick


class Pipe:
    """A View on stdout for whatever reads it; own lines show when they come back stored."""

    def __init__(self, out: Output) -> None:
        self._out = out

    async def show(self, line: str) -> None:
        """A line of the room, on stdout."""
        await self._out.ready()
        self._out.write(f"{line}\n".encode("utf-8", "replace"))

    def status(self, line: str) -> None:
        """On stderr."""
        status(line)

    def sent(self, name: str, line: str) -> None:
        """Nothing: what has been written cannot be taken back."""

    def settled(self, name: str) -> None:
        """Nothing."""
