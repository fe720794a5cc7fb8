"""The Room port: what the bridge asks of whoever holds the rooms, and what it is told.

All calls are plain and immediate; what takes time comes back through `Guest.deliver`. A port never blocks.

Two promises make a replay and the live messages after it one unbroken row. A message is in the log, and `replay`
shows it, before it is delivered. And a guest is delivered every message that enters the log after `enter` has
returned, one that was published earlier but not yet stored included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sandpiper.common.items import Item
from sandpiper.common.messages import Draft, Joined, Member, Message, Rooms, Welcome


class Guest(Protocol):
    """A JSON-lines client, as the port sees it."""

    def deliver(self, items: Sequence[Item]) -> None:
        """Tells the guest what has happened in its rooms, in order, one call a batch."""

    def close(self, text: str) -> None:
        """The port ends this guest (it is shutting down): tell it `text` and hang up."""


class Port(Protocol):
    """The rooms that a guest can be in, and its way to them. Every method may raise Refusal."""

    def welcome(self, address: str) -> Welcome:
        """The answer to hello for a client seen at `address`."""

    def admit(self, access_code: str | None, address: str) -> None:
        """Raises Refusal unless the code is right, or none is asked. To be called before anything else."""

    def enter(self, guest: Guest, room: str, nick: str | None) -> Joined:
        """The guest joins; the others, and it, are told. `nick` None is `anon`, which nobody owns.

        `Joined.seq` is the last seq that the log holds now.
        """

    def leave(self, guest: Guest, room: str) -> None:
        """The guest leaves; the others are told."""

    def claim(self, guest: Guest, room: str, nick: str) -> None:
        """The guest takes another nick: everyone hears the notice, and after it the guest a NickSet item."""

    def publish(self, guest: Guest, room: str, draft: Draft) -> None:
        """Stored soon, then delivered to everyone in the room, the guest included; then an Ack item to the guest."""

    def whisper(self, guest: Guest, room: str, to: str, text: str, id: str | None) -> None:  # noqa: A002
        """A line for one person; an Ack or Error item follows."""

    def members(self, room: str) -> list[Member]:
        """The members who are present."""

    def rooms(self) -> Rooms:
        """All rooms."""

    def replay(self, room: str, after: int, limit: int) -> tuple[list[Message], int]:
        """Up to `limit` stored messages above `after`, oldest first, and the log's first seq.

        It may give fewer (a page of bytes), but none only if there are none.
        """

    def newest(self, room: str, count: int) -> int:
        """The `after` with which a replay gives the newest `count` messages."""

    def pause(self, guest: Guest, size: int) -> float:
        """Accounts one line of `size` bytes, good or bad, from a guest in a room or in none.

        Gives the seconds to wait before reading on from this guest; 0 for go on.
        """

    def settle(self) -> None:
        """Stores and delivers at once what is staged: a guest's next answer must come after it."""

    def depart(self, guest: Guest) -> None:
        """Takes the guest out of all rooms: its connection is gone.

        Called once for every guest, one in no room included.
        """
