"""A room on the screen, as the commands of chat.commands use it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from sandpiper.chat import commands
from sandpiper.chat.ignored import Ignored
from sandpiper.chat.port import Action
from sandpiper.chat.table import Row, Span, columns
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.messages import Member, Whisper
from sandpiper.common.rooms import room_name
from sandpiper.peer.view import RoomView
from sandpiper.tui.commands import HANDLERS
from sandpiper.tui.key_help import KEY_HELP
from sandpiper.tui.port import RoomRequest
from sandpiper.tui.tab import Tab
from sandpiper.tui.workspace import Workspace

_CODE: Final = re.compile(r"[a-z]+(?:[ -]+[a-z]+)*[ -]+\d+", re.IGNORECASE)
"""Words and a number, as on the command line."""


async def obey(screen: Workspace, tab: Tab, text: str) -> None:
    """Carries out `/command arguments` in a room. Raises Refusal, SandpiperError."""
    await commands.obey(ScreenChat(screen, tab), text)
    if tab.room is not None:
        tab.model.called(tab.room.nick)


class ScreenChat:
    """The chat for one command; see chat.port.Chat."""

    has_screen = True

    def __init__(self, screen: Workspace, tab: Tab) -> None:
        self._screen = screen
        self._tab = tab

    @property
    def room(self) -> RoomView:
        """The room. Raises Refusal while it is not entered."""
        if self._tab.room is None:
            raise Refusal(Code.INVALID, f"not in {self._tab.name} now; Enter on an empty line tries again")
        return self._tab.room

    @property
    def ignored(self) -> Ignored:
        """The people whom the reader ignores in this room."""
        return self._tab.model.ignored

    @property
    def open_rooms(self) -> Collection[str]:
        """The names of the rooms that are open."""
        return {each.name for each in self._screen.tabs if each.room is not None}

    async def members(self) -> Sequence[Member]:
        """Asks the room who is present."""
        await self._screen.ask_members(self._tab)
        return self._tab.members

    def look_alike(self, nick: str) -> str:
        """Returns the other nick that this one looks like, or an empty string."""
        return self._screen.look_alikes.alike(nick)

    def has_heard(self, nick: str) -> bool:
        """Returns whether somebody of that nick has spoken, or is present."""
        return nick in self._tab.nicks

    async def post(self, text: str, kind: str) -> None:
        """Sends a message."""
        self._tab.say(text, kind)

    async def whispered(self, to: str, text: str) -> None:
        """Shows what the reader has whispered."""
        room = self.room
        said = Whisper(room.nick, to, text, int(self._screen.now()), room.name, "", room.fingerprint, True)
        self._tab.model.whisper(said, sent=True)
        self._screen.changed()

    async def note(self, text: str) -> None:
        """Shows one line."""
        self._screen.note(self._tab, text)

    async def table(self, rows: list[Row]) -> None:
        """Shows lines."""
        self._screen.table(self._tab, rows)

    async def help(self, rows: list[Row]) -> None:
        """Shows the commands and the keys, in place of the conversation."""
        keys: list[Row] = [[(key, "accent"), (what, "")] for key, what in KEY_HELP]
        gap: Span = ("", "")
        self._screen.modes.read([*rows, [gap], *columns(keys)])

    def paste(self, lines: Sequence[str]) -> None:
        """Shows lines as they are."""
        if len(lines) == 1:
            self._screen.note(self._tab, lines[0])
        else:
            self._screen.table(self._tab, [[(line, "")] for line in lines])

    def join_line(self, code: str) -> str:
        """Returns the command line by which others join."""
        return self._screen.join_line(code, self.room.password_needed)

    def link(self, code: str) -> str:
        """Returns the invite link. Raises Refusal where there is none."""
        made = self._screen.settings.link
        if made is None:
            raise Refusal(Code.INVALID, "this room has no invite link")
        return made(code, self.room.password_needed)

    def draw(self, link: str) -> list[str]:
        """Returns the lines of a QR code. Raises Refusal where the screen is too narrow."""
        draw = self._screen.settings.draw
        lines = draw(link, self._screen.timeline.size.width - 4, None) if draw is not None else None
        if lines is None:
            raise Refusal(Code.INVALID, "the screen is too narrow for a QR code; /code link shows the link")
        return lines

    async def ask(self, question: str, action: Action, *, of_person: bool = False) -> None:
        """Asks above the input; Enter carries `action` out."""
        self._screen.modes.ask(question, lambda: self._screen.later(self._tab, action()))

    def join(self, text: str) -> None:
        """Opens one more room, or tries again to enter this one. Raises Refusal."""
        tab = self._tab
        if text:
            self._screen.open(RoomRequest(target(text, tab.room), nick=tab.nick or None))
        elif tab.state in ("failed", "left"):
            self._screen.retry(tab)
        else:
            raise Refusal(Code.INVALID, "where to? a room here, a CODE such as pine-ocean-42, or HOST[:PORT][/ROOM]")

    def leave(self, *, everything: bool = False) -> None:
        """Leaves the room, or all of them and the screen."""
        if everything:
            self._screen.quit(0)
        else:
            self._screen.close_tab(self._tab)

    def clear(self) -> None:
        """Empties the screen."""
        self._tab.model.clear()
        self._screen.timeline.newest()

    async def screen_command(self, name: str, rest: str) -> None:
        """Carries out a command that only the screen has."""
        await HANDLERS[name](self._screen, self._tab, rest)


def target(text: str, room: RoomView | None) -> str:
    """Returns the TARGET that `text` means, said in `room`: a room of the same broker if it can be one."""
    if room is None or room.where == "p2p":
        return text
    if text[:1] in ("/", "#"):
        return f"{room.where}/{room_name(text[1:])}"
    if any(mark in text for mark in ":/.[") or text.lower() == "localhost" or _CODE.fullmatch(text):
        return text
    return f"{room.where}/{room_name(text)}"
