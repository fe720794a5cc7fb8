"""What the screen needs of the rest: a room, the way to open one, and its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from sandpiper.common.messages import Member, Message, RoomInfo
from sandpiper.peer.engine import PathInfo, Verification
from sandpiper.peer.events import Event


class Posted(Protocol):
    """A publication under way."""

    @property
    def id(self) -> str:
        """Its name, which comes back with it."""


class ScreenRoom(Protocol):
    """A room as the screen uses it; `peer.Room` is one. The coroutines raise Refusal."""

    @property
    def name(self) -> str:
        """A broker's word for it, or the code."""

    @property
    def nick(self) -> str:
        """One's own, now."""

    @property
    def path(self) -> str:
        """How messages travel; `offline` when they do not."""

    @property
    def fingerprint(self) -> str:
        """One's own."""

    @property
    def rtt_ms(self) -> float | None:
        """The last round trip."""

    @property
    def where(self) -> str:
        """A broker's address, or `p2p`."""

    @property
    def code(self) -> str | None:
        """What others join by; None in a broker's room."""

    @property
    def password_needed(self) -> bool:
        """Whether others need a password besides the code."""

    @property
    def alone(self) -> bool:
        """Whether nobody else is in a room between peers."""

    @property
    def broker(self) -> str:
        """The fingerprint of the broker's key; empty without one."""

    @property
    def run(self) -> str:
        """The run of the log that one's messages go to."""

    async def older(self, before: int) -> list[Message]:
        """Stored messages of the run from before that seq, oldest first; none if there are none."""

    async def post(self, text: str, *, kind: str = "msg") -> Posted:
        """Queues a line."""

    async def flush(self) -> None:
        """Returns when all is stored."""

    async def members(self) -> list[Member]:
        """Who is present."""

    async def rooms(self) -> list[RoomInfo]:
        """The rooms that one could join here."""

    async def claim(self, nick: str) -> None:
        """Takes another nick."""

    async def whisper(self, to: str, text: str) -> None:
        """A line for one person."""

    async def verify(self, nick: str) -> list[Verification]:
        """The words to compare."""

    async def kick(self, nick: str) -> None:
        """Removes a person."""

    async def name_owner(self, nick: str) -> None:
        """Lets another person remove people."""

    async def rotate(self) -> str:
        """Another code."""

    async def paths(self) -> list[PathInfo]:
        """How each member is reached."""

    def __aiter__(self) -> AsyncIterator[Event]:
        """What happens."""


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


OpenRoom: TypeAlias = Callable[[RoomRequest], AbstractAsyncContextManager[ScreenRoom]]
"""Opens a room. Entering raises SandpiperError; AccessDenied makes the screen ask for the secret and try again."""


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """What the command line knows and the screen does not: the environment is read there only."""

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
