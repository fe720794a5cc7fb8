"""The options of a member of a room between peers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from sandpiper.common.codes import RoomCode
from sandpiper.common.limits import CAPACITY, CODE_WORDS


class How(Enum):
    """How to get in."""

    CREATE = "create"
    JOIN = "join"
    EITHER = "either"


class Embedded(Protocol):
    """A discovery service that runs in this process."""

    port: int

    async def close(self) -> None:
        """Ends it."""


Embed = Callable[[str, int], Awaitable[Embedded]]
"""Starts a discovery service at a host and a port. Raises OSError where that is taken."""


@dataclass(frozen=True, kw_only=True)
class PeerOptions:
    """How to enter a room between peers, and how to be a member of it: what `create` and `join` were given, checked.

    `code` is None for CREATE, where the words are drawn. `discovery` and `broker` are HOST:PORT; without the first a
    service is looked for on this machine and the network, and with `embed` made. `path` is auto, direct or relay.
    `backlog` None is all there is.
    """

    how: How
    code: RoomCode | None
    nick: str
    password: str | None = field(default=None, repr=False)
    words: int = CODE_WORDS
    capacity: int = CAPACITY
    history: str = "epoch"
    discovery: tuple[str, ...] = ()
    broker: tuple[str, ...] = ()
    access_code: str | None = field(default=None, repr=False)
    path: str = "auto"
    lan: bool = True
    local: bool = False
    listen: str | None = None
    advertise: tuple[str, ...] = ()
    quiet: bool = False
    backlog: int | None = None
    embed: Embed | None = None
