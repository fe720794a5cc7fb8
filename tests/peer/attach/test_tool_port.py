"""The desk of a member's doors: a room with one log, for tools that know no other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from sandpiper.bridge.session import LineSession
from sandpiper.common import batch, frame
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.items import Item
from sandpiper.common.limits import TRANSCRIPT_MESSAGES
from sandpiper.common.messages import (
    Ack,
    DataDraft,
    Draft,
    Found,
    Lost,
    Member,
    Msg,
    MsgDraft,
    NickSet,
    Notice,
    Whisper,
)
from sandpiper.peer.attach.tool_port import ToolPort, Wire
from sandpiper.peer.attach.transcript import Transcript
from sandpiper.peer.events import Received

ROOM = "pine-ocean-42"


@dataclass
class Posted:
    id: str


class Alice:
    """The member whose desk it is."""

    def __init__(self) -> None:
        self.nick, self.fingerprint, self.full = "alice", "a" * 24, False
        self.posted: list[tuple[str, Draft]] = []
        self.refuse: Refusal | None = None

    def post_as_tool(self, draft: Draft, nick: str) -> Posted:
        if self.refuse is not None:
            raise self.refuse
        self.posted.append((nick, draft))
        return Posted(f"alice-{len(self.posted)}")


class Guest:
    """A client that remembers."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.closed = ""

    def deliver(self, items: Sequence[Item]) -> None:
        self.heard += [item.message for item in items]

    def close(self, text: str) -> None:
        self.closed = text


class Doors:
    """A desk, and what has gone out of it."""

    def __init__(self) -> None:
        self.alice = Alice()
        self.frames: list[bytes] = []
        self.whispers: list[tuple[str, str]] = []
        self.now = 0.0
        wire = Wire(
            self.frames.extend,
            lambda: None,
            lambda: None,
            lambda guest, to, text, name: self.whispers.append((to, text)),
            lambda: self.now,
            lambda: 1_700_000_000.0,
        )
        self.desk = ToolPort(self.alice, ROOM, "r" * 32, wire)

    def say(self, text: str, *, room: str = ROOM, **more: Any) -> None:
        body = msgspec.msgpack.encode({"type": "msg", "text": text, **more})
        self.desk.plain.take([f"{room}/msg".encode() + b"\0" + body])
        self.desk.settle()

    def heard(self) -> list[Any]:
        """What a subscriber of the bus has got."""
        found = [frame.decode(each) for each in self.frames]
        self.frames.clear()
        return found


def received(text: str, seq: int, *, nick: str = "bob", own: bool = False, verified: bool = True) -> Received:
    return Received(Msg(nick, text, 5, "other-name-7", seq, 0, "b" * 32, f"{nick}-{seq}", "f" * 24, verified), own)


def test_what_members_say_is_numbered_anew_without_holes() -> None:
    doors = Doors()
    for event in (received("one", 7), received("two", 3, nick="eve"), received("mine", 1, nick="alice", own=True)):
        doors.desk.hear(event)
    doors.desk.settle()
    heard = doors.heard()
    assert [(each.text, each.seq, each.prev, each.room) for each in heard] == [
        ("one", 1, 0, ROOM), ("two", 2, 1, ROOM), ("mine", 3, 2, ROOM),
    ]  # fmt: skip
    assert {each.run for each in heard} == {"r" * 32}
    assert heard[0].from_ == "f" * 24
    assert heard[0].verified


def test_what_a_tool_says_goes_out_as_the_member_labelled_and_comes_back_once() -> None:
    doors = Doors()
    doors.say("21.4 C", nick="thermo", id="t-1")
    assert doors.alice.posted[0][0] == "alice/thermo"
    (echo,) = doors.heard()
    assert (echo.nick, echo.text, echo.id, echo.seq, echo.from_, echo.verified) == (
        "alice/thermo", "21.4 C", "t-1", 1, "a" * 24, False,
    )  # fmt: skip
    # It comes back from the room as well: that is no news here.
    doors.desk.hear(received("21.4 C", 1, nick="alice/thermo", own=True, verified=False))
    doors.desk.settle()
    assert doors.heard() == []
    # Somebody else's tool is news.
    doors.desk.hear(received("3 V", 1, nick="bob/volt", verified=False))
    doors.desk.settle()
    assert [each.seq for each in doors.heard()] == [2]


def test_a_repeated_id_is_said_once_whoever_else_uses_it() -> None:
    doors = Doors()
    doors.say("a", nick="one", id="1")
    doors.say("a", nick="one", id="1")
    doors.say("b", nick="two", id="1")
    assert [nick for nick, _ in doors.alice.posted] == ["alice/one", "alice/two"]


def test_without_a_nick_or_an_id_there_is_one_made() -> None:
    doors = Doors()
    doors.say("hi")
    (echo,) = doors.heard()
    assert (echo.nick, echo.id) == ("alice/anon", "alice-1")


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"\0", b"rubbish", b"pine-ocean-42/msg", b"pine-ocean-42/msg\0", b"pine-ocean-42/msg\0\xc1",
        b"pine-ocean-42/notice\0\x80", b"den/msg\0" + msgspec.msgpack.encode({"text": "x"}),
        b"pine-ocean-42/msg\0" + msgspec.msgpack.encode({"text": "x", "nick": "a/b"}),
        b"pine-ocean-42/msg\0" + msgspec.msgpack.encode({"text": "x", "id": "i" * 65}),
        b"pine-ocean-42/msg\0" + msgspec.msgpack.encode({"text": "x" * 57345}),
        b"*/pine-ocean-42/\0\xc1", b"*/den/\0\x90", b"*/pine-ocean-42/\0" + msgspec.msgpack.encode([{"type": "q"}]),
    ],
)  # fmt: skip
def test_rubbish_is_dropped_and_the_next_is_heard(bad: bytes) -> None:
    doors = Doors()
    doors.desk.plain.take([bad])
    doors.say("good")
    assert [each.text for each in doors.heard()] == ["good"]


def test_a_batch_is_as_good_as_its_parts() -> None:
    doors = Doors()
    bodies = [msgspec.msgpack.encode(each) for each in ({"type": "msg", "text": "a"}, 7, {"type": "data", "value": 1})]
    doors.desk.plain.take([batch.topic(ROOM) + b"\0" + batch.pack(bodies)])
    assert [type(draft) for _, draft in doors.alice.posted] == [MsgDraft, DataDraft]


def test_tools_share_one_rate() -> None:
    doors = Doors()
    for number in itertools.count():
        doors.say("x", nick=f"t{number % 7}")
        if len(doors.alice.posted) == number:  # the last one was too many
            break
    doors.now += 1
    doors.say("later")
    assert doors.alice.posted[-1][1].text == "later"  # type: ignore[attr-defined]


def test_guests_come_hear_claim_and_go() -> None:
    doors = Doors()
    desk, one, two = doors.desk, Guest(), Guest()
    desk.present = [Member("alice", "a" * 24, True, "self"), Member("bob", "f" * 24, True, "direct", 1.0)]
    joined = desk.enter(one, ROOM, None)
    assert (joined.room, joined.nick, joined.seq) == (ROOM, "anon", 0)
    desk.enter(two, ROOM, "thermo")
    with pytest.raises(Refusal, match="taken"):
        desk.claim(one, ROOM, "Thermo")
    desk.claim(one, ROOM, "volt")  # and is answered before whatever comes next
    assert [each.text for each in one.heard] == ["anon joined", "thermo joined", "anon is now volt", "nick set to volt"]
    assert isinstance(one.heard[-1], NickSet)
    assert [member.nick for member in desk.members(ROOM)] == ["alice", "bob", "alice/volt", "alice/thermo"]
    desk.depart(two)
    desk.settle()
    assert one.heard[-1].text == "thermo left"
    assert desk.rooms().rooms[0].members == 3
    with pytest.raises(Refusal, match="not in"):
        desk.publish(two, ROOM, MsgDraft(text="x"))
    with pytest.raises(Refusal, match="one room") as caught:
        desk.enter(two, "lobby", None)
    assert caught.value.code is Code.NO_ROOM


def test_a_guest_is_told_then_acknowledged() -> None:
    doors = Doors()
    guest = Guest()
    doors.desk.enter(guest, ROOM, "volt")
    doors.desk.publish(guest, ROOM, MsgDraft(text="3 V", id="v"))
    doors.desk.settle()
    notice, message, ack = guest.heard
    assert isinstance(notice, Notice)
    assert (message.text, message.nick, message.seq) == ("3 V", "alice/volt", 1)
    assert ack == Ack("v", ROOM, 1)
    doors.alice.refuse = Refusal(Code.TOO_LARGE, "too large")
    with pytest.raises(Refusal, match="too large"):
        doors.desk.publish(guest, ROOM, MsgDraft(text="y"))


def test_whispers_between_tools_stay_here_and_others_say_whose_they_are() -> None:
    doors = Doors()
    one, two = Guest(), Guest()
    doors.desk.enter(one, ROOM, "one")
    doors.desk.enter(two, ROOM, "two")
    doors.desk.whisper(one, ROOM, "alice/two", "psst", "w")
    doors.desk.settle()
    assert [each.text for each in two.heard if isinstance(each, Whisper)] == ["psst"]
    assert one.heard[-1] == Ack("w", ROOM, None)
    doors.desk.whisper(one, ROOM, "bob", "hey", None)
    assert doors.whispers == [("bob", "[one] hey")]
    doors.desk.hear(Whisper("bob", "alice", "for you alone", 5, ROOM, "x", "f" * 24, True))
    doors.desk.settle()
    assert len([each for each in two.heard if isinstance(each, Whisper)]) == 1


def test_a_full_room_slows_its_tools_down() -> None:
    doors = Doors()
    guest = Guest()
    assert doors.desk.pause(guest, 10) == 0.0
    doors.alice.full = True
    assert doors.desk.pause(guest, 10) > 0.0


def test_an_original_client_is_in_the_room_and_a_replay_and_what_follows_are_one_row() -> None:
    doors = Doors()
    for seq in range(1, 5):
        doors.desk.hear(received(f"m{seq}", seq))
    doors.desk.settle()
    guest = Guest()
    session = LineSession(doors.desk, guest, "here", ROOM)
    session.silent(5)
    guest.deliver = lambda items: session.deliver(items)  # type: ignore[method-assign]
    doors.desk.settle()
    assert b'"text":"anon joined"' in session.take()
    session.receive(b'{"type":"msg","text":"hi"}\n')
    session.work(0.0, 5)
    doors.desk.settle()
    assert b'"nick":"alice/anon","text":"hi"' in session.take()

    later = Guest()
    extended = LineSession(doors.desk, later, "here", ROOM)
    later.deliver = lambda items: extended.deliver(items)  # type: ignore[method-assign]
    extended.receive(b'{"type":"hello","v":1,"room":"pine-ocean-42","nick":"z","backlog":3}\n')
    extended.work(0.0, 5)
    doors.desk.hear(received("m5", 5))
    doors.desk.settle()
    while extended.more:
        extended.work(0.0, 5)
    doors.desk.hear(received("m6", 6))
    doors.desk.settle()
    lines = [msgspec.json.decode(line) for line in extended.take().splitlines()]
    assert [line["type"] for line in lines[:2]] == ["welcome", "joined"]
    assert [line["seq"] for line in lines if line["type"] == "msg"] == [3, 4, 5, 6, 7]


def test_what_nobody_has_is_told_to_guests_alone() -> None:
    doors = Doors()
    guest = Guest()
    doors.desk.enter(guest, ROOM, None)
    doors.desk.hear(Lost("other-name-7", "f" * 24, 3))
    doors.desk.hear(Found("other-name-7", "f" * 24, 2))
    doors.desk.settle()
    assert guest.heard[-2:] == [Lost(ROOM, "f" * 24, 3), Found(ROOM, "f" * 24, 2)]
    assert [type(each) for each in doors.heard()] == [Notice]


def test_the_transcript_forgets_the_oldest() -> None:
    log = Transcript(ROOM, "r")
    for seq in range(1, TRANSCRIPT_MESSAGES + 11):
        log.add(received("x", seq).message, 10)
    assert log.start == 11
    assert [each.seq for each in log.page(0, 3)] == [11, 12, 13]
    assert [each.seq for each in log.page(log.head - 2, 9)] == [log.head - 1, log.head]
    assert log.page(log.head + 5, 9) == []
    big = Transcript(ROOM, "r")
    for seq in range(1, 100):
        big.add(received("x", seq).message, 1 << 20)
    assert big.head - big.start + 1 == 32
