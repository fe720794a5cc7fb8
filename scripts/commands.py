"""docs/commands.md from the commands themselves: `python scripts/commands.py`; `--check` only compares."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from sandpiper.cli.app import app
from sandpiper.cli.reference import CommandHelp, commands

FILE = Path(__file__).parents[1] / "docs" / "commands.md"
HEAD = """\
# Commands

<!-- written by scripts/commands.py -->

`sandpiper COMMAND --help` says the same, and `man sandpiper`. `-h` is short for `--help`; `sandpiper -V` tells the
version.

Each option has a default: from the flag, else from `SANDPIPER_<COMMAND>_<OPTION>` in the environment, else from
`config.toml` ([config](#sandpiper-config) shows and sets it), else the one in brackets. What many commands share has a
short name too: `SANDPIPER_NICK`, `SANDPIPER_DISCOVERY`, `SANDPIPER_BROKER`, `SANDPIPER_ACCESS_CODE`, `SANDPIPER_CODE`,
`SANDPIPER_PASSWORD`, and each of the last three with `_FILE`. `SANDPIPER_HOME` names one folder for settings and data.
Exit codes are in [troubleshooting](troubleshooting.md#exit-codes), the objects of `--json` in
[schema/sandpiper.json](schema/sandpiper.json).
"""


def page() -> str:
    """The whole."""
    return "\n".join([HEAD, *(line for command in commands(app) for line in _section(command))])


def _section(command: CommandHelp) -> Iterator[str]:
    depth = 2 + command.name.count(" ")
    yield f"{'#' * depth} sandpiper {command.name}".rstrip()
    yield ""
    yield f"```text\n{command.usage}\n```"
    yield ""
    for paragraph in command.paragraphs:
        if paragraph.example:
            yield "\n".join(["```sh", *paragraph.lines, "```"])
        else:
            yield fill(paragraph.text.replace("<", "\\<"), 120, break_long_words=False, break_on_hyphens=False)
        yield ""
    if command.options:
        yield "| option | |"
        yield "| --- | --- |"
        for option in command.options:
            yield f"| `{_cell(option.flags)}` | {_cell(option.help).replace('<', chr(92) + '<')} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Writes the page, or with --check compares it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the page would change")
    if parser.parse_args().check:
        if FILE.read_text("utf-8") != page():
            sys.stderr.write("docs/commands.md is not what the commands say; run python scripts/commands.py\n")
            return 1
        return 0
    FILE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
