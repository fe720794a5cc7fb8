"""`sandpiper create`: opens a room between peers, says how others join, and chats."""

from __future__ import annotations

import click

from sandpiper.cli.chat.chat_options import ChatOptions
from sandpiper.cli.options.common import Caller
from sandpiper.cli.options.peer import Peering, hold, join_line_option, manner_options, peer_options, statute_options


@click.command("create")
@statute_options
@manner_options
@join_line_option
@peer_options
def command(caller: Caller, peering: Peering, options: ChatOptions) -> None:
    """Open a room between peers and chat in it. Prints its code, and the line by which others join.

    /help lists the commands there. No server is needed on one machine or one LAN. In a pipe each line of stdin is a
    message; the command ends once others have all of them, or at once if nobody is there.

    \b
    sandpiper create
    sandpiper create --password --discovery chat.example.org:8000
    """  # noqa: D301  # click means the character
    hold(caller, peering, options, None)
