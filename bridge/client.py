"""One JSON-lines client between the front door and the Room port: puts a LineSession behind a LineWriter."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sandpiper.bridge.port import Port
from sandpiper.bridge.session import LineSession
from sandpiper.common.io.line_side import LineWriter
from sandpiper.common.items import Item
from sandpiper.common.rooms import LOBBY


class JsonLines:
    """A LineClient to the door and a Guest to the port. `lobby` is the room of those who know of none; `since` is where
    its log stood when the client connected.
    """

    def __init__(self, port: Port, address: str, lobby: str = LOBBY, since: int | None = None) -> None:
        self._port = port
        self._session = LineSession(port, self, address, lobby, since)
        self._writer: LineWriter
        self._resting = False  # a pause for the rate is running

    # LineClient ----------------------------------------------------------------------------------------------

    @property
    def unfinished(self) -> bool:
        """See LineClient."""
        return self._session.unfinished

    def connected(self, writer: LineWriter) -> None:
        """See LineClient."""
        self._writer = writer

    def silent(self) -> None:
        """See LineClient."""
        self._session.silent(_ts())
        self._turn()

    def receive(self, data: bytes) -> None:
        """See LineClient."""
        self._session.receive(data)
        self._turn()

    def ended(self) -> None:
        """See LineClient."""
        self._session.finish()
        self._turn()

    def wake(self) -> None:
        """See LineClient."""
        if self._resting and not self._writer.paused:
            self._resting = False
            self._session.wait = 0.0
        self._turn()

    def closed(self) -> None:
        """See LineClient."""
        self._port.depart(self)

    # Guest ---------------------------------------------------------------------------------------------------

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
        self._session.shut(text, _ts())
        self._send()

    # Both ----------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Lets the session do what it can, and reads on only when it could take more."""
        session, writer = self._session, self._writer
        while session.more and not (session.replaying and writer.full):
            session.work(_ts())
            self._send()
        if session.replaying:
            writer.pause(None)
        elif session.wait:
            if not self._resting:
                self._resting = True
                writer.pause(session.wait)
        else:
            writer.resume()
        self._send()

    def _send(self) -> None:
        out = self._session.take()
        if out:
            self._writer.write(out)
        if self._session.ended:
            self._writer.close()


def _ts() -> int:
    return int(time.time())
