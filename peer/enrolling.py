"""Enrolling: the first requests of every connection to a broker.

begin --(a code is asked)--> Pake --confirmed--> Enrol --the broker confirms too--> admitted
  '------------------(no code)---------------------^
"""

from __future__ import annotations

from collections.abc import Callable

from sandpiper.common import control
from sandpiper.common.errors import AccessDenied, Code, Refusal, Rejected, SandpiperError
from sandpiper.common.limits import VERSION
from sandpiper.peer.credentials import Credentials

Answered = Callable[[control.Reply], None]


class Enrolling:
    """Enrols a session: `ask` sends a request, and one of the other three is called once it is decided."""

    def __init__(
        self,
        credentials: Credentials,
        ask: Callable[[control.Request, Answered], None],
        *,
        admitted: Callable[[control.Enrolled], None],
        refused: Callable[[control.Refused], None],
        denied: Callable[[AccessDenied], None],
    ) -> None:
        self._credentials = credentials
        self._ask = ask
        self._admitted = admitted
        self._refused = refused
        self._denied = denied

    def begin(self) -> None:
        """Begins, once the control port can be reached."""
        first = self._credentials.prove(VERSION)
        if first is None:
            self._enrol(b"")
        else:
            self._ask(first, self._proved)

    def _proved(self, reply: control.Reply) -> None:
        if isinstance(reply, control.PakeReply):
            try:
                self._enrol(self._credentials.confirm(reply.message))
            except Refusal as refusal:
                self._denied(AccessDenied(f"{refusal.text}: wrong access code, or somebody in between"))
        elif isinstance(reply, control.Refused):
            self._refused(reply)

    def _enrol(self, confirm: bytes) -> None:
        self._ask(self._credentials.enrol(VERSION, confirm), self._enrolled)

    def _enrolled(self, reply: control.Reply) -> None:
        if isinstance(reply, control.Refused):
            self._refused(reply)
        elif isinstance(reply, control.Enrolled):
            if self._credentials.broker_proved(reply.confirm):
                self._admitted(reply)
            else:
                self._denied(
                    AccessDenied("the broker does not know the access code: wrong code, or somebody in between")
                )


def failure(reply: control.Refused) -> SandpiperError:
    """Makes the error that tells a person of a refusal."""
    errors: dict[str, Callable[[str], SandpiperError]] = {
        Code.ACCESS.value: AccessDenied,
        Code.RATE.value: Rejected,
        Code.STORE.value: Rejected,
        Code.TOO_MANY.value: Rejected,
        Code.NICK_TAKEN.value: Rejected,
    }
    return errors.get(reply.code, SandpiperError)(_advice(reply))


def _advice(reply: control.Refused) -> str:
    match reply.code:
        case Code.ACCESS.value:
            return f"{reply.text}; ask who runs the broker, and use --access-code-file or SANDPIPER_ACCESS_CODE"
        case Code.NICK_TAKEN.value:
            return f"{reply.text}; try another --nick"
        case Code.RATE.value:
            return f"refused: {reply.text}; try again in {max(reply.retry_ms // 1000, 1)} s"
        case _:
            return f"refused: {reply.text}"
