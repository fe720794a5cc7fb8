"""Connecting for a command: the profile, the access code, and what a person is told about it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from sandpiper.cli.options import Caller, checked_code
from sandpiper.cli.stdio import status
from sandpiper.common.errors import AccessDenied
from sandpiper.common.target import Target
from sandpiper.peer import Room, connect
from sandpiper.peer.profile import Profile


@dataclass
class Dialer:
    """Opens rooms for one caller. `tell` shows a line to a person."""

    caller: Caller
    tell: Callable[[str], None] = status
    _profile: Profile | None = None

    @asynccontextmanager
    async def room(self, target: Target, *, nick: str | None = None, **wish: Any) -> AsyncIterator[Room]:
        """A room, as `connect` opens it; a terminal is asked for the access code that is wanted and not given."""
        if self._profile is None:
            self._profile = Profile.at(self.caller.folder)
        async with AsyncExitStack() as stack:
            wish = {"nick": nick or self.caller.nick, "profile": self._profile, **wish}
            try:
                room = await stack.enter_async_context(connect(target, access_code=self.caller.access_code, **wish))
            except AccessDenied:
                if self.caller.access_code is not None or not _terminal():
                    raise
                self.caller = replace(self.caller, access_code=_ask(target))
                room = await stack.enter_async_context(connect(target, access_code=self.caller.access_code, **wish))
            self._introduce(room)
            yield room

    def _introduce(self, room: Room) -> None:
        address = room.where
        if self._profile is not None and address in self._profile.fresh:
            self._profile.fresh.remove(address)
            self.tell(f"new broker {address}, its key {room.broker} is pinned from now on")


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(target: Target) -> str:
    import getpass

    return checked_code(getpass.getpass(f"Access code for {target.address}: ", sys.stderr))
