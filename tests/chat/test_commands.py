from __future__ import annotations

from pathlib import Path

import pytest

from sandpiper.chat.commands import COMMANDS, commands_of, find, is_command
from sandpiper.chat.port import Chat
from sandpiper.cli.chat.line_chat import LineChat
from sandpiper.common.errors import Refusal
from sandpiper.tui.commands import HANDLERS
from sandpiper.tui.key_help import KEY_HELP
from sandpiper.tui.screen_chat import ScreenChat

PAGE = (Path(__file__).parents[2] / "docs" / "screen.md").read_text("utf-8")


def test_each_command_is_there_once_and_says_what_it_does() -> None:
    names = [command.name for command in COMMANDS]
    assert len(names) == len(set(names))
    assert all(command.help for command in COMMANDS)


def test_what_lines_cannot_do_the_screen_can() -> None:
    """A command without a handler of its own is the screen's, which has one for each of these and for no other."""
    assert [command.name for command in COMMANDS if command.handler is None] == list(HANDLERS)
    assert commands_of(has_screen=True) == list(COMMANDS)
    there = [command.name for command in COMMANDS if command.name not in HANDLERS]
    assert there == [command.name for command in commands_of(has_screen=False)]


@pytest.mark.parametrize("chat", [LineChat, ScreenChat])
def test_both_chats_can_do_all_that_a_command_asks(chat: type[Chat]) -> None:
    wanted = {name for name in vars(Chat) if not name.startswith("_")}
    assert {name for name in wanted if not hasattr(chat, name)} <= set(getattr(chat, "__annotations__", ()))


def test_the_page_has_every_command_and_key() -> None:
    for command in COMMANDS:
        usage = command.usage.replace("|", "\\|")
        lines = "" if command.handler is None else "\u2713"
        assert f"| `{usage}` | {command.help} | {lines} |" in PAGE
    for key, what in KEY_HELP:
        assert f"| {key} | {what} |" in PAGE


def test_a_command_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(Refusal, match="did you mean /nick"):
        find("nik", has_screen=True)
    with pytest.raises(Refusal, match="/search is a command of the full screen"):
        find("search", has_screen=False)
    assert find("SEARCH", has_screen=True).name == "search"


@pytest.mark.parametrize(
    ("text", "is_one"), [("/who", True), ("/", True), ("//bin", False), ("who", False), ("", False)]
)
def test_what_is_a_command(text: str, is_one: bool) -> None:
    assert is_command(text) is is_one
