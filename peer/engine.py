"""The engine under a Room: what keeps one room going, a broker's or one between peers.

A Room queues, waits and hands out events; it does not know how they travel. An engine sets `moved` whenever any of
what stands here may have changed, and calls `turned` (given when it is made) when there are events to take.
Publications do not go through it, but to its outlet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from sandpiper.common.errors import SandpiperError
from sandpiper.common.messages import Draft
from sandpiper.peer.events import Event
from sandpiper.peer.status import RoomStatus
from sandpiper.peer.view import RoomRequests


class Outlet(Protocol):
    """The part of an engine that publications are posted to."""

    @property
    def broken(self) -> SandpiperError | None:
        """Why the engine cannot go on; None while it can."""

    @property
    def full(self) -> bool:
        """Whether a publication must wait for others to be stored."""

    @property
    def empty(self) -> bool:
        """Whether all that was posted is stored."""

    @property
    def progressed_at(self) -> float:
        """When something was last found stored, or began to wait (monotonic seconds)."""

    def post(self, draft: Draft, now: float) -> str:
        """Queues a publication, and returns its id. Raises Refusal: TOO_LARGE, INVALID."""

    def flush(self, now: float) -> None:
        """Sends what has been posted and may go."""


class Engine(RoomRequests, Protocol):
    """The engine of one room, at a broker or between peers.

    `events` are for the Room, which takes them out.
    """

    moved: asyncio.Event
    events: deque[Event]

    @property
    def outlet(self) -> Outlet:
        """What publications are posted to; the same from entering the room to closing it."""

    @property
    def status(self) -> RoomStatus:
        """The room as it is now."""

    async def start(self) -> None:
        """Enters the room. Raises SandpiperError."""

    async def close(self) -> None:
        """Says goodbye and lets go of everything."""

    def post_as_tool(self, draft: Draft, nick: str, now: float) -> str:
        """Posts for a program beside the member, under a nick that no key owns. Raises Refusal."""

    def pause(self, on: bool) -> None:
        """Makes what comes in wait for the reader, or lets it come again."""
