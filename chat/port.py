"""The chat in which a command is typed, as the commands use it: the full screen is one, the line mode another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Protocol, TypeAlias

from sandpiper.chat.ignored import Ignored
from sandpiper.chat.table import Row
from sandpiper.common.messages import Member
from sandpiper.peer.view import RoomView

Action: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Something that a command does later."""


class Chat(Protocol):
    """A person's chat, and the room in which the command was typed. Each method may raise Refusal, SandpiperError."""

    has_screen: bool
    """Whether this is the full screen, which has commands that lines have not."""

    @property
    def room(self) -> RoomView:
        """The room that the command is about. Raises Refusal while it is not entered."""

    @property
    def ignored(self) -> Ignored:
        """The people whom the reader ignores."""

    @property
    def open_rooms(self) -> Collection[str]:
        """The names of all rooms that are open in this chat."""

    async def members(self) -> Sequence[Member]:
        """Asks the room who is present."""

    def look_alike(self, nick: str) -> str:
        """Returns the other nick that this one looks like, or an empty string."""

    def has_heard(self, nick: str) -> bool:
        """Returns whether somebody of that nick has spoken, who need not be present."""

    async def post(self, text: str, kind: str) -> None:
        """Sends a message of the reader's own."""

    async def whispered(self, to: str, text: str) -> None:
        """Shows what the reader has whispered."""

    async def note(self, text: str) -> None:
        """Shows one line that answers a command."""

    async def table(self, rows: list[Row]) -> None:
        """Shows several lines that answer a command."""

    async def help(self, rows: list[Row]) -> None:
        """Shows the list of commands; a screen adds its keys."""

    def paste(self, lines: Sequence[str]) -> None:
        """Shows lines that are to be copied, or scanned, as they are."""

    def join_line(self, code: str) -> str:
        """Returns the command line by which others join with that code."""

    def link(self, code: str) -> str:
        """Returns the invite link for that code."""

    def draw(self, link: str) -> list[str]:
        """Returns the lines of the link's QR code."""

    async def ask(self, question: str, action: Action, *, of_person: bool = False) -> None:
        """Asks the reader a question, and carries out `action` if the answer is yes.

        Where a program wrote the command that is a yes, unless only a person can know (`of_person`).
        """

    def join(self, text: str) -> None:
        """Opens the room that `/join text` names, or goes to it."""

    def leave(self, *, everything: bool = False) -> None:
        """Leaves this room, or all rooms, once all is delivered."""

    def clear(self) -> None:
        """Empties the screen."""

    async def screen_command(self, name: str, rest: str) -> None:
        """Carries out a command that only a screen can do."""
