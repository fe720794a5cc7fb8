"""The commands in the documentation are commands that there are, with options that they take; its tests are tests."""

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


# A file by the end of its path, and a test: one of that file's, or of the last that was named.
TEST = re.compile(r"([\w/]*\btest_\w+\.py)?((?:::)?\btest_\w+\b(?!\.py))?")
DEFINED = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


def test_every_test_that_a_page_names_is_there() -> None:
    files = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in ROOT.glob("tests/**/*.py")}
    defined = {name: set(DEFINED.findall(text)) for name, text in files.items()}
    named, lacking = 0, []
    for page in PAGES:
        there: set[str] = set()
        for file, test in filter(any, TEST.findall(page.read_text("utf-8"))):
            named += 1
            if file:
                there = set().union(*(defined[name] for name in files if f"/{name}".endswith(f"/{file}")))
            of = there if file or test.startswith("::") else set().union(*defined.values())
            if (file and not there) or (test and test.removeprefix("::") not in of):
                lacking.append((page.name, file, test))
    assert lacking == []
    assert named > 80


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
