"""The commands as data, taken from click itself: what the man page and docs/commands.md are written from."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import click

_EXAMPLE = "\b"  # click's mark before lines that are kept as they are


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of a command's help; its `lines` are kept apart if it is an `example`, else they are one text."""

    lines: tuple[str, ...]
    example: bool

    @property
    def text(self) -> str:
        """The paragraph in one line."""
        return " ".join(self.lines)


@dataclass(frozen=True, slots=True)
class Option:
    """`flags` with what they take, such as `--port PORT`; `range` is what click adds."""

    flags: str
    help: str


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """A command and its help. `name` is its words after `sandpiper`, empty for that itself."""

    name: str
    usage: str
    paragraphs: tuple[Paragraph, ...]
    options: tuple[Option, ...]


def commands(app: click.Group) -> Iterator[CommandHelp]:
    """Yields all commands in the order of --help, a group before what is in it."""
    yield from _walk(app, click.Context(app, info_name="sandpiper", max_content_width=100))


def _walk(command: click.Command, context: click.Context) -> Iterator[CommandHelp]:
    name = context.command_path.removeprefix("sandpiper").strip()
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield CommandHelp(name, usage, tuple(_paragraphs(command.help or "")), tuple(_options(command, context)))
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None and not found.hidden:
                yield from _walk(found, click.Context(found, parent=context, info_name=inner))


def _paragraphs(text: str) -> Iterator[Paragraph]:
    for block in inspect.cleandoc(text).split("\n\n"):
        lines = tuple(line.rstrip() for line in block.split("\n") if line.strip())
        if not lines:
            continue
        if lines[0] == _EXAMPLE:
            yield Paragraph(lines[1:], example=True)
        else:
            yield Paragraph(tuple(line.strip() for line in lines), example=False)


def _options(command: click.Command, context: click.Context) -> Iterator[Option]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts and "--version" not in parameter.opts:
            yield Option(record[0], " ".join(record[1].split()))
