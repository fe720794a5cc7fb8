"""The engine under a Room: what keeps one room going, a broker's or one between peers.

A Room queues, waits and hands out events; it does not know how they travel. An engine sets `moved` whenever any of
what stands here may have changed, and calls `turned` (given when it is made) when there are events to take.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

import msgspec

from sandpiper.common.errors import SandpiperError
from sandpiper.common.messages import Draft, Member, Message, RoomInfo
from sandpiper.peer.events import Event


class Verification(msgspec.Struct, frozen=True):
    """What two people compare out loud: the same words on both sides, or somebody is in between."""

    nick: str
    fingerprint: str
    phrase: str


class PathInfo(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """How one member is reached: `path` now, its round trip, and why a better one does not work (`error`)."""

    nick: str
    from_: str | None
    path: str
    rtt_ms: float | None
    error: str


class Engine(Protocol):
    """One room's. Its coroutines raise Refusal; `broken` says that it cannot go on."""

    @property
    def moved(self) -> asyncio.Event:
        """Set whenever anything here may have changed."""

    @property
    def events(self) -> deque[Event]:
        """To be taken by the Room."""

    @property
    def broken(self) -> SandpiperError | None:
        """Why it cannot go on, if so."""

    @property
    def name(self) -> str:
        """The room's name: a broker's word for it, or the code."""

    @property
    def where(self) -> str:
        """Where the room is, in one short word: the broker's address, or `p2p`."""

    @property
    def code(self) -> str | None:
        """The code that others join by, if there is one."""

    @property
    def password_needed(self) -> bool:
        """Whether others need a password besides the code."""

    @property
    def broker(self) -> str:
        """The fingerprint of the broker's key; empty without one."""

    @property
    def nick(self) -> str:
        """The nick that the session has now."""

    @property
    def path(self) -> str:
        """How messages travel now; `offline` when they do not."""

    @property
    def fingerprint(self) -> str:
        """One's own."""

    @property
    def rtt_ms(self) -> float | None:
        """The last round trip; to the nearest member where there are several ways."""

    @property
    def run(self) -> str:
        """The run of the log that one's messages go to, 32 hex digits."""

    @property
    def seq(self) -> int:
        """Where that log stood at the last entry."""

    @property
    def full(self) -> bool:
        """Whether a publication must wait for others to be stored."""

    @property
    def empty(self) -> bool:
        """Whether all that was posted is stored."""

    @property
    def progressed_at(self) -> float:
        """When something was last found stored, or began to wait (monotonic seconds)."""

    @property
    def alone(self) -> bool:
        """Whether nobody is there who could store anything, which is no fault of the connection."""

    @property
    def trouble(self) -> str:
        """Why others that are there are not reached, in a line; empty if they are, or if that is not known."""

    @property
    def held(self) -> str:
        """Why what is sent is turned away by who is there, in a line; empty if it is not."""

    async def start(self) -> None:
        """Enters the room. Raises SandpiperError."""

    async def close(self) -> None:
        """Says goodbye and lets go of everything."""

    def post(self, draft: Draft, now: float) -> str:
        """Queues a publication; its id. Raises Refusal: TOO_LARGE, INVALID."""

    def post_as_tool(self, draft: Draft, nick: str, now: float) -> str:
        """As `post`, for a program beside the member, under a nick that no key owns."""

    def flush(self, now: float) -> None:
        """What has been posted and may go, goes."""

    def hold(self, on: bool) -> None:
        """Whether what comes in is to wait for the reader."""

    async def members(self) -> list[Member]:
        """Who is present."""

    async def rooms(self) -> list[RoomInfo]:
        """The rooms that one could join here."""

    async def claim(self, nick: str) -> None:
        """Takes another nick."""

    async def whisper(self, to: str, text: str) -> None:
        """A line for `to` alone; returns when it has arrived."""

    async def verify(self, nick: str) -> list[Verification]:
        """The words to compare with each person of that nick."""

    async def kick(self, nick: str) -> None:
        """Removes a person for good."""

    async def older(self, before: int) -> list[Message]:
        """Stored messages of the run from before that seq, oldest first, without holes; none if there are none."""

    async def name_owner(self, nick: str) -> None:
        """Lets another person remove people too."""

    async def rotate(self) -> str:
        """Gives the room another code."""

    async def paths(self) -> list[PathInfo]:
        """How each member is reached."""
