"""`sandpiper who`: who is in a room."""

from __future__ import annotations

import click

from sandpiper.cli.chat.dial import Aim, Dialer
from sandpiper.cli.chat.line_renderer import LineRenderer
from sandpiper.cli.loop import run
from sandpiper.cli.options.common import Caller
from sandpiper.cli.options.peer import Peering, target_options
from sandpiper.cli.printing import show_lines, show_object
from sandpiper.cli.stdio import status
from sandpiper.cli.terminal import coloured
from sandpiper.common.messages import Members


@click.command("who")
@click.option("--json", "as_json", is_flag=True, help="Print the members object.")
@target_options
def command(caller: Caller, aim: Aim, peering: Peering, as_json: bool) -> None:
    """List who is in the room TARGET: nick, fingerprint, path, round trip.

    TARGET is HOST[:PORT][/ROOM], a room code or an invite link; `@` is the code of SANDPIPER_CODE or --code-file.
    `~` marks a nick that no key owns. Nobody is told that you ask.

    \b
    sandpiper who localhost:5000/lobby
    sandpiper who pine-ocean-42 --json
    """  # noqa: D301  # click means the character
    members = run(_who(peering.dialer(caller), aim))
    if as_json:
        show_object(members)
    elif not members.members:
        status(f"nobody is in {members.room}")
    else:
        renderer = LineRenderer(colours=coloured())
        show_lines(*map(renderer.member, members.members))


async def _who(dialer: Dialer, aim: Aim) -> Members:
    async with dialer.reach(aim) as room:
        return Members(room.name, await room.members())
