"""The place where the lines of a chat are shown: a terminal that is typed on, or a pipe."""

from __future__ import annotations

from typing import Protocol


class View(Protocol):
    """Shows lines. All but a StyledLine is sanitised, so that it is one line and harmless."""

    async def show(self, line: str) -> None:
        """Shows a line of the room; waits while too much is waiting to be shown."""

    def status(self, line: str) -> None:
        """Shows beside the room's lines how the connection does, or what went wrong."""

    def paste(self, line: str) -> None:
        """Shows a line that is to be copied, by itself, beside the room's lines."""

    def sent(self, name: str, line: str) -> None:
        """Takes note that the own line `name` is under way."""

    def settled(self, name: str) -> None:
        """Takes note that the own line `name` is no longer under way."""

    def clear(self) -> None:
        """Clears what has been shown, where that can be done."""
