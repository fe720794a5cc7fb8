"""`sandpiper connect`: a chat through a broker, on a screen, in a pipe or in JSON lines."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import click

from sandpiper.cli.chat.chat import chat
from sandpiper.cli.chat.chat_options import ChatOptions
from sandpiper.cli.chat.dial import Dialer
from sandpiper.cli.loop import run
from sandpiper.cli.options.common import Caller, caller_options
from sandpiper.cli.options.peer import manner_options
from sandpiper.common.errors import Refusal, UsageError
from sandpiper.common.limits import BACKLOG_MOST
from sandpiper.common.rooms import room_name
from sandpiper.common.target import FORM, PORT, Target
from sandpiper.common.target_parser import parse_broker
from sandpiper.peer import Room


@click.command("connect")
@click.argument("target", required=False)
@click.option("--host", metavar="HOST", help="The broker's host, in place of TARGET.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help=f"The broker's port [{PORT}].")
@click.option("--room", metavar="ROOM", help="The room [lobby].")
@click.option(
    "--one-port", is_flag=True, help="Send everything through the broker's one port, even if its bus can be reached."
)
@click.option(
    "--backlog",
    type=click.IntRange(0, BACKLOG_MOST),
    default=50,
    metavar="N",
    help="Begin with the newest N stored messages [50].",
)
@manner_options
@caller_options
def command(
    caller: Caller,
    target: str | None,
    host: str | None,
    port: int | None,
    room: str | None,
    one_port: bool,
    backlog: int,
    options: ChatOptions,
) -> None:
    """Chat in a room of the broker TARGET, HOST[:PORT][/ROOM] or a link to one. /help lists the commands.

    In a pipe each line of stdin is a message; the command ends once all of them are stored.

    \b
    sandpiper connect localhost
    sandpiper connect chat.example.org:5000/ops --nick anna
    """  # noqa: D301  # click means the character
    dialer = Dialer(caller)
    aim = chosen(target, host, port, room)

    def open_room(room: str, nick: str) -> AbstractAsyncContextManager[Room]:
        return dialer.room(replace(aim, room=room or aim.room), nick=nick, one_port=one_port, backlog=backlog)

    run(chat(open_room, dialer, options, aim))


def chosen(target: str | None, host: str | None, port: int | None, room: str | None) -> Target:
    """Returns the target, from TARGET or from --host, with --port and --room over it. Raises UsageError."""
    if target and host:
        raise UsageError("give TARGET or --host, not both")
    words = target or host
    if not words:
        raise UsageError(f"where to? give {FORM}, such as localhost:{PORT}")
    if host and ":" in host and not host.startswith("["):
        words = f"[{host}]" if host.count(":") > 1 else host
    aim = parse_broker(words)
    try:
        return replace(aim, port=port or aim.port, room=room_name(room) if room else aim.room)
    except Refusal as refusal:
        raise UsageError(refusal.text) from None
