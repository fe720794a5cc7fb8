"""The commands, each in a module of its own that is imported when it is asked for."""

from __future__ import annotations

import difflib
import os
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from sandpiper.cli.options import settings
from sandpiper.cli.version import VERSION
from sandpiper.common.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_COMMANDS: Final = {
    "create": ("create", "Open a room between peers, and chat."),
    "join": ("join", "Join a room by its code, and chat."),
    "peer": ("peer", "Join a room, or open it; can open endpoints for tools."),
    "connect": ("connect", "Chat through a broker."),
    "say": ("say", "Send one message, or the lines of a pipe."),
    "listen": ("listen", "Print a room's messages."),
    "who": ("who", "List who is in a room."),
    "broker": ("broker", "Run a broker."),
    "discovery": ("discovery", "Run a discovery service."),
    "doctor": ("doctor", "Find out why it connects, or does not."),
    "id": ("identity", "Your identity: show, export, import."),
    "config": ("config", "Your settings: show, set, unset, path."),
    "completion": ("completion", "Print the completion script for your shell."),
}
_ALIASES: Final = {"server": "connect"}
_PARAMETERS: Final = {parameter: flag for flag, parameter in settings.FLAGS.items()}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = _ALIASES.get(cmd_name, cmd_name)
        entry = _COMMANDS.get(name)
        if entry is None:
            return None
        command: click.Command = import_module(f"sandpiper.cli.commands.{entry[0]}").command
        for parameter in command.params:
            if parameter.envvar is None and parameter.name in _PARAMETERS:
                parameter.envvar = f"SANDPIPER_{name}_{_PARAMETERS[parameter.name]}".upper()
        if settings.COMPLETING in os.environ:
            from sandpiper.cli.commands.completion import teach

            teach(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        # From the table, as below; of the options click knows.
        from click.shell_completion import CompletionItem

        commands = [CompletionItem(name, help=help_) for name, (_, help_) in _COMMANDS.items()]
        return [item for item in commands if item.value.startswith(incomplete)] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word not in _COMMANDS and word not in _ALIASES and not word.startswith("-"):
            near = difflib.get_close_matches(word, [*_COMMANDS, *_ALIASES], 1)
            ctx.fail(f"no command '{word}'" + (f"; did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, so that --help imports no command.
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, "-V", "--version", message="sandpiper %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """A room in your terminal that any program can join.

    \b
    sandpiper create                            opens a room, and says how others join it
    sandpiper join pine-ocean-42                joins it
    tail -f log | sandpiper say pine-ocean-42 - puts a program in the room
    sandpiper broker                            runs a broker on this machine
    sandpiper connect localhost                 chats through it

    Each option has a default in SANDPIPER_<COMMAND>_<OPTION> and in config.toml; SANDPIPER_HOME names one folder for
    settings and data.
    """  # noqa: D301  # click means the character
    try:
        config = settings.read_config(settings.folders().config)
        context.default_map = settings.default_map(config, [*_COMMANDS, *_ALIASES], _ALIASES)
    except UsageError:
        if context.invoked_subcommand not in ("config", "doctor"):  # which help to mend it
            raise
