"""One JSON-lines client between the front door and its Session."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from sandpiper.common.io.line_side import LineWriter
from sandpiper.common.messages import Welcome
from sandpiper.discovery.legacy_rooms import LegacyRooms
from sandpiper.discovery.lines import LegacySession


class JsonLines:
    """A LineClient to the door, a Guest to the original's rooms."""

    def __init__(
        self,
        legacy_rooms: LegacyRooms,
        address: str,
        welcome: Callable[[str], Welcome],
        here: set[JsonLines],
    ) -> None:
        self.address = address
        self._legacy_rooms = legacy_rooms
        self._session = LegacySession(legacy_rooms, self, welcome)
        self._here = here
        self._ended = False
        self._resting = False  # a pause for the rate is running
        self._writer: LineWriter

    @property
    def unfinished(self) -> bool:
        """See LineClient."""
        return self._session.unfinished

    def connected(self, writer: LineWriter) -> None:
        """See LineClient."""
        self._writer = writer
        self._here.add(self)

    def silent(self) -> None:
        """See LineClient: it has not asked for anything yet."""

    def receive(self, data: bytes) -> None:
        """See LineClient."""
        self._session.receive(data)
        self._turn()

    def ended(self) -> None:
        """See LineClient."""
        self._session.finish()
        self._ended = True
        self._turn()

    def wake(self) -> None:
        """See LineClient."""
        if not self._writer.paused:
            self._resting = False
            self._turn()

    def closed(self) -> None:
        """See LineClient."""
        self._here.discard(self)
        self._legacy_rooms.depart(self, time.monotonic())

    def tell(self, message: msgspec.Struct) -> None:
        """See Guest."""
        self._session.say(message)
        self._send()

    def close(self, text: str) -> None:
        """The service ends this client."""
        self._session.shut(text, int(time.time()))
        self._send()
        self._writer.close()

    def _turn(self) -> None:
        session, writer = self._session, self._writer
        if not self._resting:
            session.work(time.monotonic(), int(time.time()))
            if session.wait:
                self._resting = True
                writer.pause(session.wait)
        self._send()
        if self._ended and not session.more:
            writer.close()

    def _send(self) -> None:
        out = self._session.take()
        if out:
            self._writer.write(out)
