"""A JSON-lines client between the front door and its session."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from sandpiper.common.io.line_shell import LineShell
from sandpiper.common.io.line_side import LineWriter
from sandpiper.common.messages import Welcome
from sandpiper.discovery.legacy_rooms import LegacyRooms
from sandpiper.discovery.lines import LegacySession


class LegacyLineClient(LineShell[LegacySession]):
    """A LineClient to the door, a LegacyClient to the original's rooms. `here` holds those that are connected."""

    def __init__(
        self,
        legacy_rooms: LegacyRooms,
        address: str,
        welcome: Callable[[str], Welcome],
        here: set[LegacyLineClient],
    ) -> None:
        super().__init__()
        self.address = address
        self._legacy_rooms = legacy_rooms
        self._session = LegacySession(legacy_rooms, self, welcome)
        self._here = here

    def connected(self, writer: LineWriter) -> None:
        """See LineClient."""
        super().connected(writer)
        self._here.add(self)

    def closed(self) -> None:
        """See LineClient."""
        self._here.discard(self)
        self._legacy_rooms.depart(self, time.monotonic())

    def tell(self, message: msgspec.Struct) -> None:
        """See LegacyClient."""
        self._session.say(message)
        self._send()

    def close(self, text: str) -> None:
        """The service ends this client."""
        self._session.shut(text, self._ts())
        self._send()
