from __future__ import annotations

from pathlib import Path

from sandpiper.tui.commands import COMMANDS, KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "screen.md").read_text("utf-8")


def test_the_page_has_every_command_and_key() -> None:
    for command in COMMANDS:
        usage = f"/{command.name} {command.arguments}".rstrip().replace("|", "\\|")
        assert f"| `{usage}` | {command.help} |" in PAGE
    for key, what in KEYS:
        assert f"| {key} | {what} |" in PAGE
