"""Between the front door's side of a JSON-lines client and the pure session that answers it."""

from __future__ import annotations

import time
from typing import Generic, Protocol, TypeVar

from sandpiper.common.io.line_side import LineWriter


class PureSession(Protocol):
    """A pure session of one client: bytes in and bytes out.

    `wait` says for how long to read nothing; the shell sets it back to 0.0.
    """

    wait: float

    @property
    def unfinished(self) -> bool:
        """Whether part of a line waits for its rest."""

    @property
    def ended(self) -> bool:
        """Whether to hang up once all is sent."""

    @property
    def more(self) -> bool:
        """Whether `work` has something to do."""

    @property
    def replaying(self) -> bool:
        """Whether no more needs to be read until what is under way has been sent."""

    def take(self) -> bytes:
        """Hands over what is to be sent now."""

    def silent(self, ts: int) -> None:
        """The client has said nothing for a while."""

    def receive(self, data: bytes) -> None:
        """The client has sent `data`."""

    def finish(self) -> None:
        """The client will send no more."""

    def work(self, now: float, ts: int) -> None:
        """Handles what has come, up to a pause."""


S = TypeVar("S", bound=PureSession)


class LineShell(Generic[S]):
    """A LineClient to the door: feeds a session, sends what it answers, and reads on only when it could take more."""

    def __init__(self) -> None:
        self._session: S
        self._writer: LineWriter
        self._resting = False  # a pause for the rate is running

    @property
    def unfinished(self) -> bool:
        """See LineClient."""
        return self._session.unfinished

    def connected(self, writer: LineWriter) -> None:
        """See LineClient."""
        self._writer = writer

    def silent(self) -> None:
        """See LineClient."""
        self._session.silent(self._ts())
        self._proceed()

    def receive(self, data: bytes) -> None:
        """See LineClient."""
        self._session.receive(data)
        self._proceed()

    def ended(self) -> None:
        """See LineClient."""
        self._session.finish()
        self._proceed()

    def wake(self) -> None:
        """See LineClient."""
        if self._resting and not self._writer.paused:
            self._resting = False
            self._session.wait = 0.0
        self._proceed()

    @staticmethod
    def _ts() -> int:
        return int(time.time())

    def _proceed(self) -> None:
        """Lets the session do what it can."""
        session, writer = self._session, self._writer
        while session.more and not (session.replaying and writer.full):
            session.work(time.monotonic(), self._ts())
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
