"""A room as screens and other front ends use it: `peer.Room` is one, and so is whatever a test puts in its place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from sandpiper.common.messages import Member, Message, RoomInfo
from sandpiper.peer.events import Event
from sandpiper.peer.status import PathInfo, RoomStatus, Verification


class RoomRequests(Protocol):
    """The requests that a room and its engine answer. Every method raises Refusal."""

    async def members(self) -> list[Member]:
        """The members who are present."""

    async def rooms(self) -> list[RoomInfo]:
        """The rooms that can be joined at the same place."""

    async def claim(self, nick: str) -> None:
        """Takes another nick."""

    async def whisper(self, to: str, text: str) -> None:
        """Sends a line to `to` alone; returns when one of that person's sessions has it."""

    async def verify(self, nick: str, *, same: bool = False) -> list[Verification]:
        """The words to compare out loud with the person of that nick, whose program shows them too if it answers.

        With `same` they were compared: it is remembered for this session that they were the same. None are returned.
        """

    async def kick(self, nick: str, *, with_admitted: bool = False, dry_run: bool = False) -> list[str]:
        """Removes a person for good, with new keys and another code; `with_admitted` also whom they let in, and so on.

        Returns the nicks of all who are removed; `dry_run` only asks. While nobody else is heard it stays a wish.
        """

    async def readmit(self, nicks: Sequence[str]) -> list[str]:
        """Lets persons in again, by nick or key, that were removed, or that wait for the room's key; returns the nicks.

        Owners let in whom they, or a more junior owner, removed; any member lets in who waits.
        """

    async def name_owner(self, nick: str) -> None:
        """Makes another person an owner, who may remove people too."""

    async def rotate(self) -> str:
        """Gives the room another key and code, as an owner may, and returns the code."""

    async def older(self, before: int | Message | None) -> list[Message]:
        """Messages from before that one, or before this member came in, oldest first; none if nobody has any.

        At most a few hundred at a time: ask again with the first one.
        """

    @property
    def no_older(self) -> str:
        """Why `older` had none the last time, in a line; empty if it had some, or if the reason is not known."""

    async def paths(self) -> list[PathInfo]:
        """How each member is reached."""


class Posted(Protocol):
    """A publication under way."""

    @property
    def id(self) -> str:
        """The publication's id, which Delivered or Failed repeats."""


class RoomView(RoomRequests, Protocol):
    """A room that has been entered: its status, its events, and what can be done in it."""

    @property
    def status(self) -> RoomStatus:
        """The room as it is now. Each attribute below is a field of it."""

    async def post(self, text: str, *, kind: str = "msg") -> Posted:
        """Queues a line; returns as soon as there is room for the next. Raises Refusal, SandpiperError."""

    async def flush(self) -> None:
        """Returns when all that was posted is stored, or nobody is present to store it. Raises SandpiperError."""

    def __aiter__(self) -> AsyncIterator[Event]:
        """The room's events, as they happen."""

    @property
    def name(self) -> str:
        """A broker's name for the room, or the code of a room between peers."""
        return self.status.name

    @property
    def where(self) -> str:
        """Where the room is, in one word: the broker's address, or `p2p`."""
        return self.status.where

    @property
    def code(self) -> str | None:
        """The code that others join by; None for a broker's room."""
        return self.status.code

    @property
    def password_needed(self) -> bool:
        """Whether others need a password besides the code."""
        return self.status.password_needed

    @property
    def broker(self) -> str:
        """The fingerprint of the broker's key; empty for a room between peers."""
        return self.status.broker

    @property
    def nick(self) -> str:
        """The nick that this member has now."""
        return self.status.nick

    @property
    def fingerprint(self) -> str:
        """The fingerprint of this member's key."""
        return self.status.fingerprint

    @property
    def compared(self) -> tuple[str, ...]:
        """The fingerprints of the persons whose words were found to be the same, in this session."""
        return self.status.compared

    @property
    def path(self) -> str:
        """How messages travel now; `offline` when they do not."""
        return self.status.path

    @property
    def rtt_ms(self) -> float | None:
        """The last round trip, to the broker or to the nearest member."""
        return self.status.rtt_ms

    @property
    def run(self) -> str:
        """The run of the log that this member's messages go to, 32 hex digits."""
        return self.status.run

    @property
    def seq(self) -> int:
        """The seq that this log had reached when the room was last entered."""
        return self.status.seq

    @property
    def alone(self) -> bool:
        """Whether nobody is present who could store a message."""
        return self.status.alone
