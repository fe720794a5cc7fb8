"""The manner of a chat, as the command line says: screen or lines, doors for tools, how others are invited."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from sandpiper.chat.wording import farewell
from sandpiper.peer import Room

Opener: TypeAlias = Callable[[str, str], AbstractAsyncContextManager[Room]]
"""Opens the room of that name, under that nick; for an empty name the one that the command line says."""


class DoorsWanted(Enum):
    """The place of the doors for tools: nowhere, in the file system, or on loopback."""

    NO = "no"
    YES = "yes"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """The screen's options on the command line: its theme, what rings, whether a history is kept."""

    theme: str = ""
    notify: str = "mentions"
    history: bool = True


@dataclass(frozen=True, slots=True)
class Invitation:
    """The way others are invited. `line` makes the command that they paste of the code; `opened` stands before it.

    The line asks for a password where there is one (`line(code, password)`), and so does the invite `link`. With `qr`
    the link's QR code is drawn as well.
    """

    line: Callable[[str, bool], str]
    link: Callable[[str, bool], str]
    opened: str = "the room's code is {code}; others join with"
    qr: bool = False


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """The manner in which a chat is held."""

    as_json: bool = False
    plain: bool = False
    headless: bool = False
    attach: DoorsWanted = DoorsWanted.NO
    share: Invitation | None = None
    screen: ScreenOptions = ScreenOptions()


def farewell_to(room: Room, share: Invitation | None) -> str:
    """Says in the shell what becomes of a room between peers that is left: nothing else of it would be seen."""
    code = room.code or ""
    come_back = f"sandpiper join {code}" if share is None else share.line(code, room.password_needed)
    return farewell(code, room.alone, come_back)
