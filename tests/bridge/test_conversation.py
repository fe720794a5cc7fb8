"""What clients say and are answered, original ones and those that say hello."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandpiper.bridge.conversation import LineState
from sandpiper.common.limits import LINE_BYTES
from tests.bridge.client import HELLO, LOBBY, Client
from tests.bridge.rooms import TS, MemoryRooms


def test_everyone_hears_who_joins(original: Callable[[], Client]) -> None:
    first = original()
    original()
    assert first.heard() == [{"type": "notice", "text": "anon joined", "ts": TS}]


def test_a_nick(original: Callable[[], Client]) -> None:
    alice, other = original(), original()
    alice.heard()
    told = alice.say({"type": "nick", "nick": "alice"})
    notice = {"type": "notice", "text": "anon is now alice", "ts": TS}
    assert told == [notice, {"type": "nick", "text": "nick set to alice", "ts": TS}]
    assert other.heard() == [notice]


@pytest.mark.parametrize("nick", [{"nick": ""}, {"nick": "  "}, {"nick": None}, {"nick": 5}, {}])
def test_no_nick(original: Callable[[], Client], nick: dict[str, Any]) -> None:
    assert original().say({"type": "nick"} | nick) == [{"type": "error", "text": "invalid nick", "ts": TS}]


def test_a_taken_nick_leaves_the_old_one(original: Callable[[], Client]) -> None:
    alice, bob = original(), original()
    alice.say({"type": "nick", "nick": "alice"})
    bob.say({"type": "nick", "nick": "bob"})
    assert bob.say({"type": "nick", "nick": "alice"}) == [
        {"type": "error", "text": "the nick alice is taken", "ts": TS}
    ]
    assert bob.say({"type": "msg", "text": "me"})[0]["nick"] == "bob"


def test_a_message_comes_back_to_its_sender_too(original: Callable[[], Client]) -> None:
    alice, bob = original(), original()
    alice.heard()
    told = alice.say({"type": "msg", "text": "hi", "nick": "mallory", "room": "elsewhere", "id": "x"})
    assert told == [{"type": "msg", "nick": "anon", "text": "hi", "ts": TS}]
    assert alice.raw == b'{"type":"msg","nick":"anon","text":"hi","ts":%d}\n' % TS
    assert bob.heard() == told


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"{", "invalid json"),
        (b'{"type":"msg","text":"\xff"}', "invalid json"),
        (b'{"type":"msg","text":"a","unknown":"\xff"}', "invalid json"),
        (b'{"type":"msg","text":"a\0b"}', "invalid json"),
        (b'{"type":"msg","text":"a","deep":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "invalid json"),
        (b'{"type":"dance"}', "invalid message type"),
        (b'{"type":"me","text":"waves"}', "invalid message type"),
        (b'{"type":"who"}', "invalid message type"),
        (b'{"type":5}', "invalid message type"),
        (b'{"text":"hi"}', "invalid message type"),
        (b'{"type":"msg"}', "invalid message"),
        (b'{"type":"msg","text":5}', "invalid message"),
        (b'["msg"]', "invalid message"),
        (b'{"type":"msg","text":"%s"}' % (b"x" * LINE_BYTES), "line too long"),
    ],
)
def test_errors_leave_the_connection_open(original: Callable[[], Client], line: bytes, text: str) -> None:
    client = original()
    (error,) = client.send(line + b"\n")
    assert list(error) == ["type", "text", "ts"]
    assert error["type"] == "error"
    assert error["text"].startswith(text)
    assert client.say({"type": "msg", "text": "still here"})[0]["text"] == "still here"


def test_blank_text_and_blank_lines_are_passed_over(original: Callable[[], Client]) -> None:
    assert original().send(b'\n{"type":"msg","text":" "}\r\n  \r\n') == []


def test_an_original_client_is_told_nothing_that_it_does_not_know(
    join: Callable[..., Client], original: Callable[[], Client]
) -> None:
    plain, talker = original(), join(nick="bob")
    plain.heard()
    talker.say({"type": "data", "value": 1}, {"type": "me", "text": "waves"})
    assert plain.heard() == [{"type": "notice", "text": "* bob waves", "ts": TS}]


def test_leaving(rooms: MemoryRooms, original: Callable[[], Client]) -> None:
    alice, bob = original(), original()
    alice.heard()
    rooms.depart(bob)
    assert alice.heard() == [{"type": "notice", "text": "anon left", "ts": TS}]


def test_an_original_client_at_a_protected_broker() -> None:
    client = Client(MemoryRooms(access_code="swordfish"))
    (error,) = client.silent()
    assert list(error) == ["type", "text", "ts"]
    assert "access code" in error["text"]
    assert client.session.ended


def test_hello_after_all(rooms: MemoryRooms, original: Callable[[], Client]) -> None:
    watcher, late = original(), original()
    watcher.heard()
    told = late.say(LOBBY | {"nick": "alice"})
    assert [each["type"] for each in told[:2]] == ["welcome", "joined"]
    assert [each["text"] for each in watcher.heard()] == ["anon left", "alice joined"]


def test_hello_without_a_room_only_asks(rooms: MemoryRooms) -> None:
    client = Client(rooms)
    (welcome,) = client.say(HELLO)
    assert list(welcome) == ["type", "v", "server", "key", "xsub", "xpub", "ticket", "access"]
    assert welcome["ticket"] == "ticket for 192.0.2.7"
    assert client.session.conversation.state is LineState.ASKING
    assert not rooms.held


def test_hello_with_a_room(rooms: MemoryRooms) -> None:
    client = Client(rooms)
    welcome, joined, notice = client.say(LOBBY | {"nick": "alice"})
    assert welcome["type"] == "welcome"
    assert (joined["type"], joined["room"], joined["nick"], joined["seq"]) == ("joined", "lobby", "alice", 0)
    assert joined["members"] == [{"nick": "alice", "from": None, "verified": False, "path": "line", "rtt_ms": None}]
    assert notice == {"type": "notice", "text": "alice joined", "ts": TS, "room": "lobby"}


@pytest.mark.parametrize("hello", [{"v": "x"}, {"room": 5}, {"backlog": "all"}])
def test_a_malformed_hello_makes_nobody_an_original(rooms: MemoryRooms, hello: dict[str, Any]) -> None:
    client = Client(rooms)
    (error,) = client.say({"type": "hello"} | hello)
    assert error["text"].startswith("invalid message")
    assert client.say(LOBBY)[0]["type"] == "welcome"


def test_a_newer_version_is_refused_by_name(rooms: MemoryRooms) -> None:
    (error,) = Client(rooms).say(HELLO | {"v": 7, "room": "lobby"})
    assert error["code"] == "version"
    assert "version 1" in error["text"]
    assert "speak 7" in error["text"]


def test_an_access_code() -> None:
    client = Client(MemoryRooms(access_code="swordfish"))
    assert [each["type"] for each in client.say(HELLO)] == ["welcome"]
    assert client.say({"type": "rooms"})[0]["code"] == "access"
    assert client.say(HELLO | {"access_code": "guess"})[-1]["code"] == "access"
    assert client.say(LOBBY)[-1]["code"] == "access"
    assert client.say(LOBBY | {"access_code": "swordfish"})[1]["type"] == "joined"
    assert client.say({"type": "rooms"})[0]["type"] == "rooms"


def test_several_rooms(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    client = join("one", nick="alice")
    assert client.say(HELLO | {"room": "two"})[1]["nick"] == "anon"
    assert client.say({"type": "msg", "text": "hi"})[0]["room"] == "two"
    assert client.say({"type": "msg", "text": "hi", "room": "one"})[0]["nick"] == "alice"
    assert client.say({"type": "msg", "text": "hi", "room": "three"})[0]["code"] == "not_joined"
    assert client.say(HELLO | {"room": "one"})[1]["text"] == "you are in one already"
    assert client.say({"type": "leave"})[0] == {"type": "left", "room": "two"}
    assert client.say({"type": "nick", "nick": "al"})[1]["text"] == "nick set to al"
    assert client.say({"type": "leave", "room": "one"})[0] == {"type": "left", "room": "one"}
    assert client.session.conversation.state is LineState.ASKING
    assert client.say({"type": "msg", "text": "hi", "id": "x"})[0] == {
        "type": "error",
        "text": "you are in no room yet: say hello with a room first",
        "ts": TS,
        "code": "not_joined",
        "id": "x",
    }


def test_publications_are_acknowledged(join: Callable[..., Client]) -> None:
    client = join(nick="alice")
    message, ack = client.say({"type": "msg", "text": "hi", "id": "x1", "n": 5})
    assert list(message) == ["type", "nick", "text", "ts", "room", "seq", "prev", "run", "id", "from", "verified"]
    assert ack == {"type": "ack", "id": "x1", "room": "lobby", "seq": 1}
    assert client.say({"type": "data", "value": {"t": [21.4]}, "id": "x2"})[0]["value"] == {"t": [21.4]}


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"msg","text":5,"id":"x"}',
        b'{"type":"msg","text":" ","id":"x"}',
        b'{"type":"data","id":"x"}',
        b'{"type":"data","id":"x","value":' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"type":"dance","id":"x"}',
        b'{"type":"whisper","to":"nobody","text":"psst","id":"x"}',
        b'{"type":"whisper","to":"nobody","text":"","id":"x"}',
    ],
)
def test_an_error_names_the_publication(join: Callable[..., Client], line: bytes) -> None:
    (error,) = join().send(line + b"\n")
    assert (error["type"], error["id"]) == ("error", "x")


def test_questions(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    join(nick="bob")
    asking = Client(rooms)
    asking.say(HELLO)
    assert [each["nick"] for each in asking.say({"type": "who", "room": "lobby"})[0]["members"]] == ["bob"]
    assert asking.say({"type": "who"})[0]["code"] == "invalid"
    assert asking.say({"type": "rooms"}) == [{"type": "rooms", "rooms": [{"room": "lobby", "members": 1, "seq": 0}]}]
    assert asking.say({"type": "ping"}) == [{"type": "pong", "ts": TS}]
    assert asking.say({"type": "who", "room": "a/b"})[0]["text"].startswith("invalid room name")


def test_whispers(join: Callable[..., Client]) -> None:
    alice, bob = join(nick="alice"), join(nick="bob")
    alice.heard()
    assert alice.say({"type": "whisper", "to": "bob", "text": "psst", "id": "w"}) == [
        {"type": "ack", "id": "w", "room": "lobby", "seq": None}
    ]
    assert bob.heard()[0]["text"] == "psst"
