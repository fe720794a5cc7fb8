"""The chat on a full screen: the terminal's settings, the history, and opening rooms for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from click.exceptions import Exit

from sandpiper.cli.chat.chat_options import ChatOptions, DoorsWanted, Opener, farewell_to
from sandpiper.cli.chat.dial import Aim, Dialer
from sandpiper.cli.qr import qr_lines
from sandpiper.cli.stdio import status
from sandpiper.common.codes import is_code_like
from sandpiper.common.errors import Refusal, UsageError
from sandpiper.common.invite import Invite
from sandpiper.common.rooms import room_name
from sandpiper.common.target import Target
from sandpiper.common.target_parser import parse_target
from sandpiper.peer import Room
from sandpiper.peer.events import Event
from sandpiper.peer.view import RoomView
from sandpiper.tui import RoomRequest, ScreenSettings

if TYPE_CHECKING:
    from sandpiper.tui.history import History


@dataclass
class RoomOpener:
    """Opens rooms for the screen. `first` is the one that the command line names; `home` its broker, if it has one."""

    dialer: Dialer
    first: Opener
    home: Target | None
    options: ChatOptions
    farewells: dict[str, str] = field(default_factory=dict)
    """What is said of rooms between peers that have been left, by their codes."""

    @asynccontextmanager
    async def open(self, request: RoomRequest) -> AsyncIterator[RoomView]:
        """See OpenRoom. A typed secret serves both ways: a room knows which one it asks for."""
        dialer = self.dialer
        dialer.tell, dialer.asks = request.progress, False
        if request.secret is not None:
            dialer.caller = replace(dialer.caller, access_code=request.secret)
            dialer.password = request.secret
        request.progress("connecting")
        async with self._room(request) as room:
            yield room

    @asynccontextmanager
    async def _room(self, request: RoomRequest) -> AsyncIterator[RoomView]:
        dialer, nick = self.dialer, request.nick or self.dialer.caller.nick
        if request.create:
            async with dialer.peers(None, nick=nick) as room, self._until_left(room):
                yield room
        elif not request.target:
            async with (
                self.first("", nick) as room,
                self._until_left(room),
                overheard(room, self.options.attach, request.progress) as heard,
            ):
                yield heard
        else:
            asked = dialer.visit(self._aim(request.target), nick=nick, password=request.secret)
            async with asked as room, self._until_left(room):
                yield room

    @asynccontextmanager
    async def _until_left(self, room: Room) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if (code := room.code) is not None:
                self.farewells[code] = farewell_to(room, self.options.share)

    def _aim(self, text: str) -> Aim:
        """A target as on the command line; a mere word is a room at the broker one is at. Raises SandpiperError."""
        try:
            aim = parse_target(text)
        except UsageError as error:
            if self.home is None:
                raise
            if is_code_like(text):  # a mistyped code is no room: what is nearly a secret stays here
                raise UsageError(f"{error}; a room here that is called so is /join /ROOM") from None
            try:
                return replace(self.home, room=room_name(text.removeprefix("/")))
            except Refusal as refusal:
                raise UsageError(refusal.text) from None
        return aim.aim if isinstance(aim, Invite) else aim


class Overheard:
    """A room that gives its events to a listener too; in all else it is that room."""

    def __init__(self, room: Room, hear: Callable[[Event], None]) -> None:
        self._room = room
        self._hear = hear

    def __getattr__(self, name: str) -> Any:
        return getattr(self._room, name)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = await self._room.__anext__()
        self._hear(event)
        return event


@asynccontextmanager
async def overheard(room: Room, attach: DoorsWanted, tell: Callable[[str], None]) -> AsyncIterator[RoomView]:
    """The room, its doors for tools open if they are wanted. Raises SandpiperError."""
    if attach is DoorsWanted.NO:
        yield room
        return
    from sandpiper.peer.attach.doors import attached

    async with attached(room, tcp=attach is DoorsWanted.TCP) as doors:
        ready = doors.ready
        tell(f"for tools: publish at {ready.plain_xsub}, subscribe at {ready.plain_xpub}, JSON lines at {ready.lines}")
        yield Overheard(room, doors.desk.hear)


def settings(options: ChatOptions) -> ScreenSettings:
    """Returns the screen's settings, as environment and command line say."""
    from sandpiper.common.words import WORDS

    environ, screen = os.environ, options.screen
    share = options.share
    made = ScreenSettings(
        theme=screen.theme,
        no_color=bool(environ.get("NO_COLOR")),
        notify=screen.notify,
        term=environ.get("TERM", ""),
        term_program=environ.get("TERM_PROGRAM", ""),
        multiplexer=bool(environ.get("TMUX") or environ.get("STY")),
        words=WORDS,
        draw=qr_lines,
    )
    return made if share is None else replace(made, join_line=share.line, link=share.link)


def kept_history(dialer: Dialer, *, keep: bool) -> History | None:
    """The history of this profile; an ephemeral one has none. Raises SandpiperError."""
    folder = dialer.profile.folder
    if folder is None or not keep:
        return None
    from sandpiper.tui.history import History

    return History(folder)


async def fullscreen(rooms: RoomOpener, options: ChatOptions) -> None:
    """Runs the screen. Raises SandpiperError if no room could be entered, and Exit for another bad end."""
    from sandpiper.tui import run

    history = kept_history(rooms.dialer, keep=options.screen.history)
    code = await run(rooms.open, RoomRequest(""), settings=settings(options), history=history)
    for words in rooms.farewells.values():
        status(words)
    if code:
        raise Exit(code)
