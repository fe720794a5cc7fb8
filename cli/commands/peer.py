"""`sandpiper peer`: the general form of `create` and `join`, and the endpoints for tools."""

from __future__ import annotations

from dataclasses import replace

import click

from sandpiper.cli.chat.chat_options import ChatOptions, DoorsWanted
from sandpiper.cli.options.common import Caller
from sandpiper.cli.options.peer import (
    Peering,
    backlog_option,
    hold,
    join_line_option,
    manner_options,
    peer_options,
    statute_options,
)
from sandpiper.cli.options.secrets import code_options


@click.command("peer")
@click.option("--room", "code", metavar="CODE", help="The room, such as pine-ocean-42, or an invite link.")
@code_options
@click.option("--headless", is_flag=True, help="Read no stdin and show no screen: stay until Ctrl-C or SIGTERM.")
@click.option(
    "--attach", is_flag=True, help="Open endpoints for tools: ZeroMQ (XSUB, XPUB) and JSON lines, for your user alone."
)
@click.option("--attach-tcp", is_flag=True, help="The same on loopback ports, for every user of this machine.")
@statute_options
@backlog_option
@manner_options
@join_line_option
@peer_options
def command(
    caller: Caller, peering: Peering, options: ChatOptions, headless: bool, attach: bool, attach_tcp: bool
) -> None:
    """Join the room --room CODE, or open it if nobody is there, and say which.

    If several do that at once, one opens it and the others join. With --attach, tools on this machine connect as to
    a broker's plain endpoints, and what they say is sent as yours: alice/thermo.

    \b
    sandpiper peer --room pine-ocean-42
    sandpiper peer --room pine-ocean-42 --attach --headless --json
    """  # noqa: D301  # click means the character
    doors = DoorsWanted.TCP if attach_tcp else DoorsWanted.YES if attach else DoorsWanted.NO
    hold(caller, peering, replace(options, headless=headless, attach=doors), peering.code, open_if_missing=True)
