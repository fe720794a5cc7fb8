"""What every session with a broker does, as a pure machine: enrol, number its requests, ping, and notice silence."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sandpiper.common import control
from sandpiper.common.errors import SandpiperError
from sandpiper.common.limits import PING_S, SILENT_S
from sandpiper.peer.credentials import Credentials
from sandpiper.peer.enrolling import Answered, Enrolling


class ControlSession(ABC):
    """A session at a broker's control port, whatever it is for.

    Take `requests` after each call; `broken` says that the session cannot go on. A subclass says what follows when the
    broker admits or refuses it.
    """

    def __init__(self, credentials: Credentials) -> None:
        self.requests: list[control.Request] = []
        self.broken: SandpiperError | None = None
        self.rtt_s: float | None = None
        self._credentials = credentials
        self._enrolling = Enrolling(
            credentials, self.ask, admitted=self._admitted, refused=self._refused, denied=self._give_up
        )
        self._number = 0
        self._answers: dict[int, Answered] = {}
        self._ping_at = self._heard_at = 0.0
        self._forgotten = False

    @property
    @abstractmethod
    def online(self) -> bool:
        """Whether there is a connection."""

    @abstractmethod
    def _admitted(self, reply: control.Enrolled) -> None:
        """Takes that the broker admits this session."""

    @abstractmethod
    def _refused(self, reply: control.Refused) -> None:
        """Takes that the broker refuses this session."""

    def _give_up(self, error: SandpiperError) -> None:
        self.broken = error

    def _enrol(self, now: float) -> None:
        """Begins a connection: control can be reached."""
        self._heard_at, self._ping_at = now, now + PING_S
        self._forgotten = False
        self._enrolling.begin()

    def ask(self, request: control.Request, answered: Answered) -> None:
        """Sends a request; `answered` gets the reply."""
        self._answers[self._send(request)] = answered

    def _send(self, request: control.Request) -> int:
        """Sends a request without waiting for a reply; its number."""
        self._number += 1
        request.r = self._number
        self.requests.append(request)
        return self._number

    def _answer(self, reply: control.Reply) -> bool:
        """Hands a reply to what awaits it; whether anything does."""
        answered = self._answers.pop(reply.r, None)
        if answered is not None:
            answered(reply)
        return answered is not None

    def stale(self, now: float) -> str | None:
        """Why this connection is no good any more, if so: the broker is silent, or has forgotten the session."""
        if self._forgotten:
            return "the broker has forgotten this session"
        if self.online and now - self._heard_at > SILENT_S:
            return "the broker does not answer"
        return None
