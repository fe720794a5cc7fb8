"""How a chat is held, as the command line says: on a screen or in lines, with which doors, how others are invited."""

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
    """Where the doors for tools are to be: nowhere, in the file system, or on loopback."""

    NO = "no"
    YES = "yes"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Looks:
    """What the command line says of the screen: its theme, what rings, whether a history is kept."""

    theme: str = ""
    notify: str = "mentions"
    history: bool = True


@dataclass(frozen=True, slots=True)
class Share:
    """How others are invited. `line` makes the command that they paste of the code; `opened` is said before it.

    The line asks for a password where there is one (`line(code, password)`), and so does the invite `link`. With `qr`
    the link's QR code is drawn as well.
    """

    line: Callable[[str, bool], str]
    link: Callable[[str, bool], str]
    opened: str = "the room's code is {code}; others join with"
    qr: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """How a chat is held."""

    as_json: bool = False
    plain: bool = False
    headless: bool = False
    attach: DoorsWanted = DoorsWanted.NO
    share: Share | None = None
    looks: Looks = Looks()


def farewell_to(room: Room, share: Share | None) -> str:
    """What becomes of a room between peers that one leaves: in the shell nothing of it would be left to see."""
    code = room.code or ""
    come_back = f"sandpiper join {code}" if share is None else share.line(code, room.password_needed)
    return farewell(code, room.alone, come_back)
