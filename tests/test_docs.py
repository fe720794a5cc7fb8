"""The commands in the documentation are commands that there are, with options that they take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sandpiper.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"])
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENDS = ("|", "||", "&&", ";", "&", ">", ">>", "<", "2>&1")


def command_lines(page: Path) -> Iterator[list[str]]:
    """The words of each `sandpiper …` in a block of shell, as far as they are its own."""
    for block in BLOCK.findall(page.read_text("utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"\s{3,}\S.*$", "", line)  # what is said beside it
            if "sandpiper" not in line:
                continue
            try:
                words = shlex.split(line.replace('"$(', " ").replace(')"', " "), comments=True)
            except ValueError:
                continue
            for at, word in enumerate(words):
                if word == "sandpiper" or word.endswith("/sandpiper"):
                    rest = words[at + 1 :]
                    end = next((n for n, each in enumerate(rest) if each in ENDS), len(rest))
                    if rest[:end]:
                        yield rest[:end]


def test_there_are_many() -> None:
    assert sum(1 for page in PAGES for _ in command_lines(page)) > 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_is_one(page: Path) -> None:
    wrong = []
    for words in command_lines(page):
        try:
            parse(words)
        except click.ClickException as error:
            wrong.append(f"{shlex.join(words)}: {error.format_message()}")
    assert wrong == []


def parse(words: list[str]) -> None:
    context = click.Context(app, info_name="sandpiper")
    command: click.Command = app
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-"):
            return
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no command {words[0]}")
        command, context, words = found, click.Context(found, parent=context, info_name=words[0]), words[1:]
    command.make_parser(context).parse_args(words)
