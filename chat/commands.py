"""The table of chat commands. /help, completion and docs/screen.md are made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sandpiper.chat import people, rooms
from sandpiper.chat.port import Chat
from sandpiper.chat.table import Row, columns
from sandpiper.chat.wording import unknown_command
from sandpiper.common.errors import Code, Refusal, UsageError


@dataclass(frozen=True, slots=True)
class Command:
    """`/name arguments`, what it does, and the function that does it: it gets the chat and the rest of the line.

    In `arguments` NICK, ROOM, CODE, COMMAND, FILE and lower-case words are what Tab completes. A row without a handler
    is a command of the full screen only.
    """

    name: str
    arguments: str
    help: str
    handler: Callable[[Chat, str], Awaitable[None]] | None = None

    @property
    def usage(self) -> str:
        """The command as it is typed."""
        return f"/{self.name} {self.arguments}".rstrip()


def is_command(text: str) -> bool:
    """Returns whether a typed line is `/command arguments`, and no message."""
    return text.startswith("/") and not text.startswith("//")


def commands_of(*, has_screen: bool) -> list[Command]:
    """Returns the commands that there are on the full screen, or in lines."""
    if has_screen:
        return list(COMMANDS)
    return [_JOIN_IN_LINES if each.name == "join" else each for each in COMMANDS if each.handler is not None]


def find(word: str, *, has_screen: bool) -> Command:
    """Returns the command of that name. Raises Refusal, which names the nearest."""
    word = word.lower()
    there = commands_of(has_screen=has_screen)
    for command in there:
        if command.name == word:
            return command
    if any(command.name == word for command in COMMANDS):
        raise Refusal(Code.INVALID, f"/{word} is a command of the full screen; without --plain there is one")
    raise Refusal(Code.INVALID, unknown_command(word, [command.name for command in there]))


async def obey(chat: Chat, text: str) -> None:
    """Carries out `/command arguments`. Raises Refusal, SandpiperError."""
    word, _, rest = text[1:].partition(" ")
    command = find(word.strip(), has_screen=chat.has_screen)
    try:
        if command.handler is None:
            await chat.screen_command(command.name, rest.strip())
        else:
            await command.handler(chat, rest.strip())
    except UsageError as error:
        raise Refusal(Code.INVALID, str(error)) from None


_USAGE_COLUMNS: Final = 20
"""What is longer stands in a row of its own: else it would push what all the others do out of a narrow screen."""


async def _help(chat: Chat, rest: str) -> None:
    if rest:
        command = find(rest.removeprefix("/"), has_screen=chat.has_screen)
        await chat.note(f"{command.usage}: {command.help}")
        return
    there = commands_of(has_screen=chat.has_screen)
    listed = [(command.usage, command.help) for command in there]
    listed.append(("//text", "sends a line that begins with a slash"))
    long = [len(usage) > _USAGE_COLUMNS for usage, _ in listed]
    rows: list[Row] = [
        [("" if alone else usage, "accent"), (text, "")] for alone, (usage, text) in zip(long, listed, strict=True)
    ]
    laid: list[Row] = []
    for alone, (usage, _), row in zip(long, listed, columns(rows), strict=True):
        laid += [[(usage, "accent")], row] if alone else [row]
    await chat.help(laid)


COMMANDS: Final = (
    Command("help", "[COMMAND]", "this list", _help),
    Command("nick", "NAME", "take another nick", people.nick),
    Command("who", "", "who is here, by which path and how far", people.who),
    Command("msg", "NICK TEXT", "whisper to one person", people.msg),
    Command("me", "TEXT", "say it in the third person", people.me),
    Command("join", "[ROOM|CODE|TARGET]", "another room: here, by code, or anywhere", rooms.join),
    Command("create", "", "open a new room with its own code"),
    Command("leave", "", "leave this room", rooms.leave),
    Command("rooms", "", "the rooms that one can join here", rooms.rooms),
    Command("code", "[new|link|qr]", "what others join by; `new` makes another", rooms.code),
    Command("verify", "NICK", "words to compare, to be sure of a person", people.verify),
    Command("path", "[NICK]", "how each member is reached, and why not better", people.path),
    Command("ignore", "[NICK]", "hide a person, or show them again", people.ignore),
    Command("kick", "NICK [--with-admitted]", "remove a person for good, or also whom they let in", people.kick),
    Command("readmit", "NICK", "let a person in again, who was removed or waits", people.readmit),
    Command("owner", "NICK", "let another person remove people too", people.owner),
    Command("search", "TEXT", "find words in this room"),
    Command("export", "[text|markdown|jsonl] [FILE]", "write this room to a file"),
    Command("notify", "[all|mentions|none]", "what rings in this room"),
    Command("clear", "", "empty the screen; nothing is deleted", rooms.clear),
    Command("theme", "[dark|light|contrast|terminal]", "other colours"),
    Command("quit", "", "leave all rooms, once all is delivered", rooms.quit_all),
)
_JOIN_IN_LINES: Final = Command("join", "[ROOM|CODE]", "to a room of this broker; between peers, by code", rooms.join)
