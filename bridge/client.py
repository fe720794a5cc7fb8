"""A JSON-lines client between the front door and the Room port: puts a LineSession behind a LineWriter."""

from __future__ import annotations

from collections.abc import Sequence

from sandpiper.bridge.port import Port
from sandpiper.bridge.session import LineSession
from sandpiper.common.io.line_shell import LineShell
from sandpiper.common.items import Item
from sandpiper.common.rooms import LOBBY


class RoomClient(LineShell[LineSession]):
    """A LineClient to the door and a Guest to the port. `lobby` is the room of those who know of none; `since` is where
    its log stood when the client connected.
    """

    def __init__(self, port: Port, address: str, lobby: str = LOBBY, since: int | None = None) -> None:
        super().__init__()
        self._port = port
        self._session = LineSession(port, self, address, lobby, since)

    def closed(self) -> None:
        """See LineClient."""
        self._port.depart(self)

    def deliver(self, items: Sequence[Item]) -> None:
        """See Guest."""
        try:
            self._session.deliver(items)
            self._send()
        except MemoryError:  # better gone, and back, than with a hole that nobody tells it of
            self._writer.close(after_flush=False)
            raise

    def close(self, text: str) -> None:
        """See Guest."""
        self._session.shut(text, self._ts())
        self._send()
