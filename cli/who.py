"""`sandpiper who`: who is in a room."""

from __future__ import annotations

import sys

import click

from sandpiper.cli.dial import Dialer
from sandpiper.cli.loop import run
from sandpiper.cli.options import Caller, caller_options
from sandpiper.cli.render import Renderer
from sandpiper.cli.terminal import coloured
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Members
from sandpiper.common.target import Target, parse_broker


@click.command("who")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print the members object.")
@caller_options
def command(caller: Caller, target: str, as_json: bool) -> None:
    """List who is in the room TARGET, HOST[:PORT][/ROOM]: nick, fingerprint, path, round trip.

    `~` marks a nick that no key owns. Nobody is told that you ask.

    \b
    sandpiper who localhost:5000/lobby
    """  # noqa: D301  # click means the character
    sys.stdout.buffer.write(run(_who(caller, parse_broker(target), as_json=as_json)))


async def _who(caller: Caller, aim: Target, *, as_json: bool) -> bytes:
    async with Dialer(caller).room(aim, member=False, listen=False) as room:
        members = await room.members()
    if as_json:
        return encode_line(Members(aim.room, members))
    renderer = Renderer(colours=coloured())
    return "".join(f"{renderer.member(member)}\n" for member in members).encode("utf-8", "replace")
