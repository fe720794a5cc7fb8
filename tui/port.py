"""The screen's port to the rest: requests for rooms, the function that opens them, and its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeAlias

from sandpiper.peer.view import RoomView


@dataclass(frozen=True, slots=True)
class RoomRequest:
    """A room that is to be opened: TARGET as on the command line, or a new one.

    `secret` is what was typed after AccessDenied: an access code or a password. While it works, whoever opens the room
    says in words what it is doing to `progress`.
    """

    target: str = ""
    create: bool = False
    nick: str | None = None
    secret: str | None = field(default=None, repr=False)
    progress: Callable[[str], None] = field(default=lambda words: None, repr=False, compare=False)


OpenRoom: TypeAlias = Callable[[RoomRequest], AbstractAsyncContextManager[RoomView]]
"""Opens a room. Entering raises SandpiperError; AccessDenied makes the screen ask for the secret and try again."""


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """The screen's settings, from the command line, which alone reads the environment."""

    theme: str = ""
    """dark, light, contrast or terminal; the one chosen last if empty."""
    no_color: bool = False
    notify: str = "mentions"
    """What rings at first: all, mentions or none."""
    bell: bool = True
    term: str = ""
    term_program: str = ""
    multiplexer: bool = False
    """Inside tmux or screen, which pass no desktop notifications on."""
    join_line: Callable[[str, bool], str] = lambda code, password: f"sandpiper join {code}"
    """What others paste to come in, of a room's code and whether they need a password."""
    link: Callable[[str, bool], str] | None = None
    """The same as an invite link."""
    draw: Callable[[str, int, int | None], list[str] | None] | None = None
    """A text as the lines of a QR code that fits so many columns and rows, if any does."""
    words: Sequence[str] = ()
    """The words of room codes, for completion."""
    clock: Callable[[], float] | None = None
    """Now, in seconds since 1970; the system's unless a test says otherwise."""
