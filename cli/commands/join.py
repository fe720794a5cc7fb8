"""`sandpiper join`: a room between peers, by its code."""

from __future__ import annotations

import click

from sandpiper.cli.chat.chat_options import ChatOptions
from sandpiper.cli.options.common import Caller
from sandpiper.cli.options.peer import Peering, backlog_option, hold, manner_options, peer_options
from sandpiper.cli.options.secrets import code_options


@click.command("join")
@click.argument("code", nargs=-1, metavar="[CODE]")
@code_options
@backlog_option
@manner_options
@peer_options
def command(caller: Caller, peering: Peering, options: ChatOptions) -> None:
    """Join the room CODE, such as pine-ocean-42, or an invite link. /help lists the commands there.

    Without CODE it is taken from SANDPIPER_CODE or a file, or asked for. `join` never opens a room.

    \b
    sandpiper join pine-ocean-42
    sandpiper join --code-file code.txt --json
    """  # noqa: D301  # click means the character
    hold(caller, peering, options, peering.code)
