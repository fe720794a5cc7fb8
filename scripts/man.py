"""man/sandpiper.1 from the commands themselves: `python scripts/man.py`; `--check` only compares."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from sandpiper.cli.app import app
from sandpiper.cli.reference import CommandHelp, commands
from sandpiper.cli.version import VERSION

FILE = Path(__file__).parents[1] / "man" / "sandpiper.1"
CODES = [
    ("0", "fine"),
    ("1", "an error"),
    ("2", "a mistake in the command, such as an option, a target, or a word of a room code that is in no list"),
    ("3", "no connection could be made"),
    ("4", "a wrong room code, password, access code or passphrase"),
    ("5", "no such room"),
    ("6", "refused: full, too fast, removed, a line too long, or the nick is taken"),
    ("141", "whoever read the output has left; a service goes on"),
    ("130", "interrupted; a service that is stopped by a signal ends with 0"),
]
VARIABLES = [
    ("SANDPIPER_<COMMAND>_<OPTION>", "The default of an option, such as SANDPIPER_LISTEN_BACKLOG."),
    ("SANDPIPER_NICK, SANDPIPER_DISCOVERY, SANDPIPER_BROKER", "Those of all commands."),
    (
        "SANDPIPER_CODE, SANDPIPER_PASSWORD, SANDPIPER_ACCESS_CODE, SANDPIPER_PASSPHRASE",
        "Secrets; each with _FILE names a file that has it in its first line.",
    ),
    ("SANDPIPER_HOME", "One folder for settings and data."),
    ("NO_COLOR", "No colours."),
]
FILES = [
    ("config.toml", "Settings; `sandpiper config path` says where."),
    ("identity.key", "Who you are; `sandpiper id show` says where. Keep it to yourself."),
    ("known_brokers", "The keys of brokers and discovery services that you have met."),
]


def page() -> str:
    """The whole."""
    root, *others = commands(app)
    lines = [
        '.\\" written by scripts/man.py',
        f'.TH SANDPIPER 1 "" "sandpiper {VERSION}" "User Commands"',
        ".SH NAME",
        f"sandpiper \\- {_roff(root.paragraphs[0].text.rstrip('.').lower())}",
        ".SH SYNOPSIS",
        *(f".B {_roff(command.usage)}\n.br" for command in others if " " not in command.name),
        ".SH DESCRIPTION",
        *_paragraphs(root),
        ".SH COMMANDS",
        *(line for command in others for line in _section(command)),
        *_list("EXIT STATUS", CODES),
        *_list("ENVIRONMENT", VARIABLES),
        *_list("FILES", FILES),
    ]
    return "\n".join(lines) + "\n"


def _section(command: CommandHelp) -> Iterator[str]:
    yield f".SS {_roff(command.usage)}"
    yield from _paragraphs(command)
    for option in command.options:
        yield f".TP\n\\fB{_roff(option.flags)}\\fR\n{_roff(option.help) or chr(92) + '&'}"


def _paragraphs(command: CommandHelp) -> Iterator[str]:
    for paragraph in command.paragraphs:
        if paragraph.example:
            yield "\n".join([".PP", ".RS 4", ".nf", *map(_roff, paragraph.lines), ".fi", ".RE"])
        else:
            yield f".PP\n{_roff(paragraph.text)}"


def _list(title: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    yield f".SH {title}"
    yield from (f".TP\n\\fB{_roff(name)}\\fR\n{_roff(text)}" for name, text in rows)


def _roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace("…", "...")
    return f"\\&{text}" if text.startswith(".") else text


def main() -> int:
    """Writes the page, or with --check compares it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the page would change")
    if parser.parse_args().check:
        if FILE.read_text("utf-8") != page():
            sys.stderr.write("man/sandpiper.1 is not what the commands say; run python scripts/man.py\n")
            return 1
        return 0
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
