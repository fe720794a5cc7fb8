"""What every session with a broker does: numbered requests, answers that find them, and a broker that falls silent."""

from __future__ import annotations

from nacl.signing import SigningKey

from sandpiper.common import control
from sandpiper.common.limits import PING_S, SILENT_S
from sandpiper.peer.control_session import ControlSession
from sandpiper.peer.credentials import Credentials


class Session(ControlSession):
    """A session for nothing."""

    def __init__(self) -> None:
        credentials = Credentials(SigningKey(b"p" * 32), b"k" * 32, None, lambda size: b"e" * size)
        credentials.broker_key = b"B" * 32
        super().__init__(credentials)
        self.connected = True
        self.outcome: list[control.Reply] = []

    @property
    def online(self) -> bool:
        return self.connected

    def _admitted(self, reply: control.Enrolled) -> None:
        self.outcome.append(reply)

    def _refused(self, reply: control.Refused) -> None:
        self.outcome.append(reply)


def test_an_answer_finds_its_request_once() -> None:
    session, answers = Session(), list[control.Reply]()
    session.ask(control.Ping(r=0), answers.append)
    session.ask(control.ListRooms(r=0), answers.append)
    assert [request.r for request in session.requests] == [1, 2]
    second = control.RoomList(r=2, rooms=[])
    assert session._answer(second)
    assert not session._answer(second)
    assert not session._answer(control.Pong(r=9, run="", heads={}))
    assert answers == [second]


def test_it_enrols_and_hears_what_came_of_it() -> None:
    session = Session()
    session._enrol(5.0)
    (request,) = session.requests
    assert isinstance(request, control.Enrol)
    refused = control.Refused(r=request.r, code="too_many", text="full")
    assert session._answer(refused)
    assert session.outcome == [refused]


def test_a_broker_that_is_silent_or_has_forgotten_us_is_no_use() -> None:
    session = Session()
    session._enrol(100.0)
    assert session._ping_at == 100.0 + PING_S
    assert session.stale(100.0 + SILENT_S) is None
    assert session.stale(100.1 + SILENT_S) == "the broker does not answer"
    session.connected = False
    assert session.stale(1e6) is None
    session._forgotten = True
    assert session.stale(100.0) == "the broker has forgotten this session"
    session._enrol(200.0)
    assert session.stale(200.0) is None
