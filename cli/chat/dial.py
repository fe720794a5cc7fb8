"""Connecting for a command: the profile, the secrets, and what a person is told about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sandpiper.cli.options.common import Caller, checked_code
from sandpiper.cli.options.network import Network
from sandpiper.cli.options.secrets import ask_password, ask_unseen, terminal
from sandpiper.cli.stdio import status
from sandpiper.common.errors import AccessDenied, PasswordNeeded
from sandpiper.common.io.resolver import telling
from sandpiper.common.nicks import ANON
from sandpiper.common.target import Target
from sandpiper.peer import Room, connect
from sandpiper.peer.profile import Profile

if TYPE_CHECKING:
    from sandpiper.common.codes import RoomCode

Aim: TypeAlias = "Target | RoomCode"
BACKLOG_SHOWN: Final = 50
"""Stored messages with which a chat at a broker begins."""


@dataclass
class Dialer:
    """Opens rooms for one caller. `tell` shows a line to a person, whom `asks` lets be asked for a secret."""

    caller: Caller
    network: Network = field(default_factory=Network)
    tell: Callable[[str], None] = status
    password: str | None = field(default=None, repr=False)
    asks: bool = True
    _profile: Profile | None = None

    @asynccontextmanager
    async def room(self, target: Target, *, nick: str | None = None, **wish: Any) -> AsyncIterator[Room]:
        """A room, as `connect` opens it; a terminal is asked for the access code that is wanted and not given."""
        async with AsyncExitStack() as stack:
            wish = {"nick": nick or self.caller.nick, "profile": self.profile, **wish}
            with telling(self.tell):
                try:
                    room = await stack.enter_async_context(connect(target, access_code=self.caller.access_code, **wish))
                except AccessDenied:
                    if self.caller.access_code is not None or not (self.asks and terminal()):
                        raise
                    self.caller = replace(self.caller, access_code=_ask(target))
                    room = await stack.enter_async_context(connect(target, access_code=self.caller.access_code, **wish))
            self._introduce(room)
            yield room

    @asynccontextmanager
    async def peers(self, code: RoomCode | None, *, nick: str | None = None, **wish: Any) -> AsyncIterator[Room]:
        """A room between peers, as `join` enters it; without a code a new one, as `create` makes it."""
        from sandpiper.peer import create, join

        wish = {
            "nick": nick or self.caller.nick,
            "profile": self.profile,
            "access_code": self.caller.access_code,
            "password": self.password,
            **self.network.wish(),
            **wish,
        }
        async with AsyncExitStack() as stack:
            if code is None:
                with telling(self.tell):
                    room = await stack.enter_async_context(create(**wish))
            else:
                try:
                    with telling(self.tell):
                        room = await stack.enter_async_context(join(code, **wish))
                except PasswordNeeded:
                    if not (self.asks and terminal()):
                        raise
                    wish["password"] = ask_password("This room has a password: ")
                    with telling(self.tell):
                        room = await stack.enter_async_context(join(code, **wish))
            yield room

    @asynccontextmanager
    async def reach(
        self, aim: Aim, *, listen: bool = False, speak: bool = False, backlog: int = 0, after: int | None = None
    ) -> AsyncIterator[Room]:
        """Opens either kind of room without telling anybody of the visitor.

        At a broker a nick is taken only by who speaks, or was given one: others may be called as this one's login.
        """
        if isinstance(aim, Target):
            nick = self.caller.nick if speak or (listen and self.caller.named) else ANON
            async with self.room(aim, nick=nick, member=False, listen=listen, backlog=backlog, after=after) as room:
                yield room
        else:
            async with self.peers(aim, quiet=True, backlog=backlog) as room:
                yield room

    @asynccontextmanager
    async def visit(
        self, aim: Aim, *, nick: str, password: str | None = None, backlog: int = BACKLOG_SHOWN
    ) -> AsyncIterator[Room]:
        """Opens either kind of room, to talk in it. The command line's password is not meant for this one."""
        if isinstance(aim, Target):
            async with self.room(aim, nick=nick, backlog=backlog) as room:
                yield room
        else:
            async with self.peers(aim, nick=nick, password=password) as room:
                yield room

    @property
    def profile(self) -> Profile:
        """The caller's profile. Raises SandpiperError."""
        if self._profile is None:
            self._profile = Profile.ephemeral() if self.network.ephemeral else Profile.at(self.caller.folder)
        return self._profile

    def _introduce(self, room: Room) -> None:
        address = room.where
        if self._profile is not None and address in self._profile.fresh:
            self._profile.fresh.remove(address)
            self.tell(f"new broker {address}, its key {room.broker} is pinned from now on")


def _ask(target: Target) -> str:
    return checked_code(ask_unseen(f"Access code for {target.address}: "))
