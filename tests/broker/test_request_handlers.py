"""Control requests: each is answered, a bad one with a Refused that carries its number."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sandpiper.common import control
from sandpiper.common.control import Done, Entered, Page, Pong, Present, Refused, RoomList
from sandpiper.common.limits import PAGE_ENTRIES, WINDOW_MESSAGES
from sandpiper.common.messages import MsgDraft
from tests.broker.fixture import FullStore, House, events, fields, session_key

pack = msgspec.msgpack.Encoder().encode

GOOD: list[control.Request] = [
    control.Pake(r=5, v=1, message=b"m"),
    control.Enrol(r=5, v=1, identity=b"i" * 32, signature=b"s" * 64),
    control.Join(r=5, room="lobby", nick="al", run="r", after=1, backlog=1, next_n=1),
    control.Claim(r=5, room="lobby", nick="al"),
    control.Leave(r=5, room="lobby"),
    control.Who(r=5, room="lobby"),
    control.ListRooms(r=5),
    control.Replay(r=5, room="lobby", after=0, limit=1),
    control.Publish(r=5, frames=[]),
    control.Subscribe(r=5, room="lobby"),
    control.SendWhisper(r=5, room="lobby", to="al", text="x", id="1"),
    control.Received(r=5, id="1", sender=None),
    control.Challenge(r=5),
    control.Attach(r=5, tag_key=b"k" * 32, signature=b"s" * 64),
    control.Detach(r=5, tag=b"t" * 16),
    control.SendSealed(r=5, tag=b"t" * 16, to=[b"a" * 16], body=b"b"),
    control.Ping(r=5, rtt_ms=1.0),
    control.Bye(r=5),
]
REQUIRED = {
    "v",
    "message",
    "identity",
    "signature",
    "room",
    "nick",
    "after",
    "limit",
    "frames",
    "to",
    "tag",
    "tag_key",
    "body",
    "text",
    "id",
    "sender",
}


def broken() -> list[Any]:
    """Every request with each field of a wrong type, and without each field that it needs."""
    cases = []
    for request in GOOD:
        body = fields(request)
        for name in body:
            if name in ("type", "r"):
                continue
            cases.append(pytest.param({**body, name: {"a": 1}}, id=f"{body['type']}-bad-{name}"))
            if name in REQUIRED and not (body["type"] == "join" and name in ("nick", "after")):
                less = {key: value for key, value in body.items() if key != name}
                cases.append(pytest.param(less, id=f"{body['type']}-without-{name}"))
    return cases


@pytest.mark.parametrize("body", broken())
def test_a_request_with_bad_fields_is_refused_by_its_number(house: House, body: dict[str, Any]) -> None:
    alice = house.join("alice")
    reply = house.ask_raw(alice.key or b"", pack(body))
    assert isinstance(reply, Refused)
    assert (reply.r, reply.code) == (5, "invalid")


@pytest.mark.parametrize(
    "frame", [b"", b"\xc1", b"\x80", pack({"type": "fly", "r": 5}), pack([1]), pack({"type": "ping"})]
)
def test_what_is_no_request_is_refused(house: House, frame: bytes) -> None:
    alice = house.join("alice")
    reply = house.ask_raw(alice.key or b"", frame)
    assert isinstance(reply, Refused)
    assert reply.code == "invalid"
    assert reply.r == (5 if b"fly" in frame else 0)


@pytest.mark.parametrize("request_", GOOD[2:], ids=lambda request: type(request).__name__)
def test_who_has_not_enrolled_is_refused(house: House, request_: control.Request) -> None:
    reply = house.ask(session_key("stranger"), request_)
    assert isinstance(reply, Refused)
    assert (reply.r, reply.code) == (5, "access")


@pytest.mark.parametrize(
    "request_",
    [
        control.Claim(r=5, room="pine", nick="x"),
        control.Leave(r=5, room="pine"),
        control.Replay(r=5, room="pine", after=0, limit=1),
        control.Subscribe(r=5, room="pine"),
        control.SendWhisper(r=5, room="pine", to="al", text="x", id="1"),
    ],
    ids=lambda request: type(request).__name__,
)
def test_what_needs_a_seat(house: House, request_: control.Request) -> None:
    alice = house.join("alice")
    reply = house.ask(alice.key or b"", request_)
    assert (reply.r, reply.code) == (5, "not_joined")


@pytest.mark.parametrize("room", ["", "a/b", "a b", "*", "x" * 65, "-a", "e\u0301"])
def test_rooms_have_names(house: House, room: str) -> None:
    alice = house.join("alice")
    for request in (control.Join(r=5, room=room), control.Who(r=5, room=room)):
        reply = house.ask(alice.key or b"", request)
        assert (reply.r, reply.code) == (5, "invalid")


def test_who_and_rooms_and_heads(house: House) -> None:
    alice, _ = house.join("alice"), house.join("bob", "pine")
    key = alice.key or b""
    house.publish(alice, "x", 1)
    house.take()
    assert isinstance(house.ask(key, control.Ping(r=2, rtt_ms=1.5)), Pong)
    present = house.ask(key, control.Who(r=3, room="lobby"))
    assert isinstance(present, Present)
    (member,) = present.members
    assert (member.nick, member.from_, member.verified, member.path, member.rtt_ms) == (
        "alice",
        alice.fingerprint,
        True,
        "bus",
        1.5,
    )
    assert house.ask(key, control.Who(r=3, room="elm")).members == []
    listed = house.ask(key, control.ListRooms(r=4))
    assert isinstance(listed, RoomList)
    assert [(info.room, info.members, info.seq) for info in listed.rooms] == [("lobby", 1, 1), ("pine", 1, 0)]
    assert house.ask(key, control.Ping(r=5)) == Pong(r=5, run=house.store.run, heads={"lobby": 1})


def test_a_pong_names_only_what_is_stored(house: House) -> None:
    alice = house.join("alice")
    assert isinstance(house.store, FullStore)
    house.store.full = True
    house.publish(alice, "x", 1)
    assert house.ask(alice.key or b"", control.Ping(r=5)).heads == {"lobby": 0}


def test_replay_gives_pages(house: House) -> None:
    alice = house.join("alice")
    for n in range(1, 31):
        house.publish(alice, "x", n)
    house.take()
    key = alice.key or b""
    page = house.ask(key, control.Replay(r=3, room="lobby", after=10, limit=5))
    assert isinstance(page, Page)
    assert (page.start, page.head, page.run) == (1, 30, house.store.run)
    assert house.seqs(page, 10, 5) == [11, 12, 13, 14, 15]
    for after in (30, 31, (1 << 63) - 1, (1 << 64) - 1):
        assert house.seqs(house.ask(key, control.Replay(r=4, room="lobby", after=after, limit=9)), after, 9) == []
    for after in (0, -1, -(1 << 63)):
        page = house.ask(key, control.Replay(r=5, room="lobby", after=after, limit=1 << 40))
        assert house.seqs(page, after, PAGE_ENTRIES) == list(range(1, 31))
    assert house.seqs(house.ask(key, control.Replay(r=6, room="lobby", after=4, limit=-3)), 4, 1) == [5]


def test_a_join_knows_what_was_published(house: House) -> None:
    alice = house.join("alice")
    for n in (1, 2, 3):
        house.publish(alice, "x", n)
    house.take()
    entered = house.ask(alice.key or b"", control.Join(r=3, room="lobby", nick="alice", next_n=2))
    assert isinstance(entered, Entered)
    assert entered.published == 3


def test_next_n_goes_on_where_the_broker_has_forgotten(house: House) -> None:
    alice = house.join("alice", next_n=8)
    house.publish(alice, "eight", 8)
    house.take()
    assert house.texts() == ["eight"]


@pytest.mark.parametrize(
    "bad", [{"next_n": 0}, {"next_n": -5}, {"next_n": 1 << 63}, {"next_n": (1 << 64) - 1}, {"backlog": -1}]
)
def test_counters_out_of_range_are_refused(house: House, bad: dict[str, Any]) -> None:
    alice = house.enrol("alice")
    reply = house.ask(alice.key or b"", control.Join(r=5, room="lobby", nick="alice", **bad))
    assert (reply.r, reply.code) == (5, "invalid")
    assert house.broker.rooms == {}


def test_a_broker_lives_on_whatever_counters_it_is_told(house: House) -> None:
    alice = house.join("alice", next_n=1 << 61, after=(1 << 64) - 1)
    house.publish(alice, "x", 1 << 61)
    house.publish(alice, "y", (1 << 61) + 1)
    house.take()
    assert house.texts() == ["x", "y"]


def test_publishing_by_control(house: House) -> None:
    alice = house.join("alice")
    frames = house.frames([MsgDraft(text="a", n=1), MsgDraft(text="b", n=2)])
    assert house.ask(alice.key or b"", control.Publish(r=0, frames=frames)) is None
    assert events(house.take(), alice, control.Acked) == [control.Acked(room="lobby", n=1, seqs=[1, 2])]
    reply = house.ask(alice.key or b"", control.Publish(r=5, frames=[b""] * (WINDOW_MESSAGES + 1)))
    assert (reply.r, reply.code) == (5, "too_many")


def test_bye_ends_the_session_and_its_key(house: House) -> None:
    alice = house.join("alice")
    key = alice.key or b""
    assert key in house.admission.enrolled
    assert house.ask(key, control.Bye(r=3)) == Done(r=3)
    assert key not in house.admission.enrolled
    assert house.ask(key, control.Ping(r=4)).code == "access"
    assert house.store.load().enrolled == {}
    bob = house.join("bob")
    assert isinstance(house.ask(bob.key or b"", control.Claim(r=5, room="lobby", nick="alice")), Done)


def test_a_store_that_cannot_be_read_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandpiper.broker.store.errors import StoreFull

    alice = house.join("alice")

    def page(*_: object) -> None:
        raise StoreFull("no space")

    monkeypatch.setattr(house.store, "page", page)
    reply = house.ask(alice.key or b"", control.Replay(r=5, room="lobby", after=0, limit=1))
    assert (reply.r, reply.code) == (5, "store")


def test_another_person_with_the_same_key_is_another_session(house: House) -> None:
    from tests.broker.fixture import identity

    alice = house.join("alice")
    key = alice.key or b""
    reply = house.ask(key, house.enrolment(key, identity("eve")))
    assert isinstance(reply, control.Enrolled)
    assert house.broker.sessions[key] is not alice
    assert house.broker.members("lobby") == []
