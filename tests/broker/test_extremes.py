"""No value in a client's request brings the broker down: each is carried out, or refused."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from sandpiper.common import batch, control, frame
from sandpiper.common.messages import DataDraft, MeDraft, MsgDraft
from tests.broker.fixture import House
from tests.extremes import TEXTS, extremes

DRAFTS: Final[list[Any]] = [
    MsgDraft(text="hi", nick="bob", n=1, id="m-1"),
    MeDraft(text="waves", nick="bob", n=1, id="m-1"),
    DataDraft(value={"a": 1}, nick="bob", n=1, id="m-1"),
]
BODIES: Final = [batch.encode_body(draft) for draft in DRAFTS]
REQUESTS: Final[list[control.Request]] = [
    control.Pake(r=7, v=1, message=bytes(32), ticket="1.a.b"),
    control.Enrol(r=7, v=1, identity=bytes(32), signature=bytes(64), caps=["msg"], ticket="1.a.b", confirm=bytes(64)),
    control.Join(r=7, room="lobby", nick="alice", run="0" * 32, after=1, backlog=1, next_n=1),
    control.Claim(r=7, room="lobby", nick="al"),
    control.Leave(r=7, room="lobby"),
    control.Who(r=7, room="lobby"),
    control.ListRooms(r=7),
    control.Replay(r=7, room="lobby", after=0, limit=10),
    control.Publish(r=7, frames=[frame.encode("lobby", "msg", DRAFTS[0])]),
    control.Subscribe(r=7, room="lobby"),
    control.SendWhisper(r=7, room="lobby", to="bob", text="psst", id="w"),
    control.Received(r=7, id="w", sender="f" * 24),
    control.Challenge(r=7),
    control.Attach(r=7, tag_key=bytes(32), signature=bytes(64)),
    control.Detach(r=7, tag=bytes(16)),
    control.SendSealed(r=7, tag=bytes(16), to=[bytes(8)], body=b"x"),
    control.Ping(r=7, rtt_ms=1.0),
    control.Bye(r=7),
]


def test_each_request_is_walked() -> None:
    assert {type(each) for each in REQUESTS} == set(control.AnyRequest.__args__)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("access_code", [None, "open sesame"])
def test_no_request_is_more_than_refused(request_: control.Request, access_code: str | None) -> None:
    house = House()
    house.join("bob")
    for changed in (request_, *extremes(request_)):
        house.now += 1.0
        house.admission._code = None
        session = house.join("alice")
        house.admission._code = access_code
        reply = house.ask(session.key or b"", changed)
        assert reply is None or (isinstance(reply, control.Reply) and control.encode(reply))
        house.take()
    house.tick(1.0)
    house.take()


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda each: type(each).__name__)
def test_no_publication_is_more_than_turned_away(draft: Any) -> None:
    house = House()
    session = house.join("alice")
    kind = str(draft.__struct_config__.tag)
    for changed in (draft, *extremes(draft)):
        house.now += 1.0
        body = msgspec.msgpack.encode(changed)
        house.ingress.frame(session, frame.topic("lobby", kind) + b"\0" + body, house.now)
        house.ingress.frame(session, batch.topic("lobby") + b"\0" + batch.pack([body]), house.now)
        house.take()
    for text in TEXTS:
        house.ingress.frame(session, text.encode() + b"\0" + BODIES[0], house.now)
    assert all(1 <= each.ts < 1 << 53 for each in house.log())
