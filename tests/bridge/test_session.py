from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sandpiper.bridge.conversation import LineState
from sandpiper.bridge.session import LineSession
from sandpiper.common.items import Item
from sandpiper.common.limits import LINE_BYTES, PAGE_BYTES
from sandpiper.common.messages import Member
from tests.bridge.rooms import TS, MemoryRooms

HELLO = {"type": "hello", "v": 1}
LOBBY = HELLO | {"room": "lobby"}


class Client:
    """A session with its guest, and a reader that is always fast enough."""

    def __init__(self, rooms: MemoryRooms, address: str = "192.0.2.7", since: int | None = None) -> None:
        self.rooms = rooms
        self.session = LineSession(rooms, self, address, since=since)
        self.raw = b""

    def deliver(self, items: Sequence[Item]) -> None:
        self.session.deliver(items)

    def close(self, text: str) -> None:
        self.session.shut(text, TS)

    def silent(self) -> list[Any]:
        self.session.silent(TS)
        return self.heard()

    def send(self, data: bytes) -> list[Any]:
        self.session.receive(data)
        while self.session.more:
            self.session.work(0.0, TS)
        return self.heard()

    def say(self, *messages: dict[str, Any]) -> list[Any]:
        return self.send(b"".join(json.dumps(each).encode() + b"\n" for each in messages))

    def heard(self) -> list[Any]:
        self.raw = self.session.take()
        return [json.loads(line) for line in self.raw.splitlines()]


@pytest.fixture
def rooms() -> MemoryRooms:
    return MemoryRooms()


@pytest.fixture
def join(rooms: MemoryRooms) -> Callable[..., Client]:
    """An extended client in a room, with what it was told on the way put aside."""

    def joined(room: str = "lobby", **more: object) -> Client:
        client = Client(rooms)
        client.say(HELLO | {"room": room} | more)
        return client

    return joined


@pytest.fixture
def original(rooms: MemoryRooms) -> Callable[[], Client]:
    def silent() -> Client:
        client = Client(rooms)
        client.silent()
        return client

    return silent


# The original behaviour ----------------------------------------------------------------------------------------


def test_what_was_said_before_it_was_known_for_an_original_one_is_kept_for_it(
    rooms: MemoryRooms, join: Callable[..., Client]
) -> None:
    anna = join(nick="anna")
    anna.say({"type": "msg", "text": "long ago"})
    late = Client(rooms, since=rooms.newest("lobby", 0))
    anna.say({"type": "msg", "text": "meanwhile"}, {"type": "msg", "text": "and then"})
    late.session.silent(TS)
    first = late.send(b"")
    assert [each["text"] for each in first] == ["anon joined", "meanwhile", "and then"]
    assert set(first[1]) == {"type", "nick", "text", "ts"}, "the documented keys"
    anna.say({"type": "msg", "text": "now"})
    assert [each["text"] for each in late.heard()] == ["now"], "each once"
    prompt = Client(rooms, since=rooms.newest("lobby", 0))
    anna.say({"type": "msg", "text": "before its first line"})
    texts = [each.get("text") for each in prompt.say({"type": "msg", "text": "its own"})]
    assert texts.index("before its first line") < texts.index("its own")
    assert texts.count("its own") == 1
    assert Client(rooms, since=rooms.newest("lobby", 0)).silent() == [
        {"type": "notice", "text": "anon joined", "ts": TS}
    ]


def test_a_silent_client_joins_the_lobby_as_anon(rooms: MemoryRooms) -> None:
    client = Client(rooms)
    assert client.silent() == [{"type": "notice", "text": "anon joined", "ts": TS}]
    assert client.session.conversation.state is LineState.ORIGINAL


def test_everyone_hears_who_joins(original: Callable[[], Client]) -> None:
    first = original()
    original()
    assert first.heard() == [{"type": "notice", "text": "anon joined", "ts": TS}]


@pytest.mark.parametrize("line", [b"\n", b'{"type":"msg","text":"hi"}\n', b"nonsense\n", b'{"type":"who"}\n'])
def test_any_first_line_but_hello_joins_too(rooms: MemoryRooms, line: bytes) -> None:
    told = Client(rooms).send(line)
    assert {"type": "notice", "text": "anon joined", "ts": TS} in told


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


# The extended tongue -------------------------------------------------------------------------------------------


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


# Replays -------------------------------------------------------------------------------------------------------


def fill(client: Client, count: int, text: str = "m") -> None:
    for number in range(count):
        client.say({"type": "msg", "text": f"{text}{number}", "id": f"{text[:9]}-{number}"})


def seqs(told: list[Any]) -> list[int]:
    return [each["seq"] for each in told if each["type"] in ("msg", "me", "data")]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"backlog": 3}, [8, 9, 10]),
        ({"backlog": 99}, list(range(1, 11))),
        ({"after": 7}, [8, 9, 10]),
        ({"after": 10}, []),
        ({"after": -5}, list(range(1, 11))),
        ({"after": 1 << 80}, []),
        ({}, []),
    ],
)
def test_what_comes_before_the_live(
    join: Callable[..., Client], rooms: MemoryRooms, wish: dict[str, int], expected: list[int]
) -> None:
    writer = join(nick="alice")
    fill(writer, 10)
    reader = Client(rooms)
    rooms.page = 4
    told = reader.say(LOBBY | wish)
    assert [each["type"] for each in told[:2]] == ["welcome", "joined"]
    assert seqs(told) == expected
    fill(writer, 2, "more")
    assert seqs(reader.heard()) == [11, 12]


def test_no_double_and_no_gap_at_the_seam(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    """Whatever is staged or stored but not yet told when somebody joins comes to it once, in order."""
    writer = join(nick="alice")
    fill(writer, 3)
    rooms.auto = False
    writer.say({"type": "msg", "text": "stored, not told"})
    rooms.store()
    writer.say({"type": "msg", "text": "only staged"})
    reader = Client(rooms)
    told = reader.say(LOBBY | {"after": 0})
    rooms.commit()
    writer.say({"type": "msg", "text": "after"})
    rooms.commit()
    assert seqs(told + reader.heard()) == [1, 2, 3, 4, 5, 6]


def test_live_messages_wait_for_a_replay_under_way(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    writer = join(nick="alice")
    fill(writer, 5)
    rooms.page = 2
    reader = Client(rooms)
    reader.session.receive(json.dumps(LOBBY | {"after": 0}).encode() + b'\n{"type":"ping"}\n')
    told: list[Any] = []
    for number in range(9):
        reader.session.work(0.0, TS)
        told += reader.heard()
        if number < 3:
            fill(writer, 1, f"live{number}-")
    assert not reader.session.replaying
    assert seqs(told) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert told[-1] == {"type": "pong", "ts": TS}, "answers keep the order of the questions"


def test_a_client_from_before_the_run_misses_nothing_that_comes(
    join: Callable[..., Client], rooms: MemoryRooms
) -> None:
    writer, reader = join(nick="alice"), Client(rooms)
    reader.say(LOBBY | {"after": 500})
    fill(writer, 2)
    assert seqs(reader.heard()) == [1, 2]


def test_replay(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    client = join(nick="alice")
    fill(client, 6)
    rooms.page = 2
    told = client.say({"type": "replay", "after": 1, "limit": 4})
    assert seqs(told) == [2, 3, 4, 5]
    assert told[-1] == {"type": "replayed", "room": "lobby", "seq": 5, "start": 1}
    assert client.say({"type": "replay", "after": 6})[-1]["seq"] == 6
    assert client.say({"type": "replay", "after": 2, "limit": 0}) == [
        {"type": "replayed", "room": "lobby", "seq": 2, "start": 1}
    ]
    fill(client, 1, "live")
    assert client.heard() == []


def test_what_retention_removed_is_said(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    writer = join(nick="alice")
    fill(writer, 6)
    rooms.trim("lobby", 4)
    told = Client(rooms).say(LOBBY | {"after": 1})
    assert {"type": "trimmed", "room": "lobby", "start": 4} in told
    assert seqs(told) == [4, 5, 6]
    assert "trimmed" not in [each["type"] for each in Client(rooms).say(LOBBY | {"backlog": 50})]


def test_a_page_is_bounded_in_bytes(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    writer = join(nick="alice")
    fill(writer, 30, "x" * 50_000)
    reader = Client(rooms)
    reader.session.receive(json.dumps(LOBBY | {"after": 0}).encode() + b"\n")
    told: list[Any] = []
    while reader.session.more:
        reader.session.work(0.0, TS)
        told += reader.heard()
        assert len(reader.raw) < PAGE_BYTES + LINE_BYTES
    assert seqs(told) == list(range(1, 31))


# Bounds --------------------------------------------------------------------------------------------------------


def test_each_line_is_charged_good_or_bad(rooms: MemoryRooms, join: Callable[..., Client]) -> None:
    client = join()
    rooms.charges.clear()
    client.send(b'{}\n\nnonsense\n{"type":"ping"}\n' + b"x" * (LINE_BYTES + 1) + b"\n")
    assert rooms.charges == [2, 0, 8, 15, LINE_BYTES]


def test_a_pause_holds_the_lines_that_follow(rooms: MemoryRooms, join: Callable[..., Client]) -> None:
    client = join()
    rooms.charge = 0.25
    ping = {"type": "ping"}
    assert len(client.say(ping, ping)) == 1
    assert client.session.wait == 0.25
    rooms.charge = client.session.wait = 0.0
    client.session.work(0.0, TS)
    assert len(client.heard()) == 1


def test_an_answer_over_the_limit_says_so(join: Callable[..., Client], rooms: MemoryRooms) -> None:
    many = [Member(f"nick{number}", "f" * 24, True, "bus") for number in range(1000)]
    rooms.members = lambda room: many  # type: ignore[method-assign]
    client = Client(rooms)
    _, joined, error, _ = client.say(LOBBY)
    assert (joined["type"], joined["members"]) == ("joined", [])
    assert "joined 0 cannot be shown" in error["text"]
    (error,) = client.say({"type": "who"})
    assert (error["code"], error["room"], error["ts"]) == ("too_large", "lobby", TS)


def test_a_line_without_its_end(rooms: MemoryRooms) -> None:
    client = Client(rooms)
    assert client.send(b'{"type":"hello"') == []
    assert client.session.unfinished
    assert client.send(b"}\n")[0]["type"] == "welcome"
    assert not client.session.unfinished


# Ends ----------------------------------------------------------------------------------------------------------


def test_a_client_that_will_say_no_more_gets_what_it_is_owed(rooms: MemoryRooms, join: Callable[..., Client]) -> None:
    client = join()
    rooms.auto = False
    assert client.send(b'{"type":"msg","text":"a"}\n{"type":"msg","text":"last, without a newline"}') == []
    client.session.finish()
    client.session.work(0.0, TS)
    assert not client.session.ended
    rooms.commit()
    assert [each["type"] for each in client.heard()] == ["msg", "ack", "msg", "ack"]
    assert client.session.ended


def test_the_port_says_goodbye(rooms: MemoryRooms, join: Callable[..., Client], original: Callable[[], Client]) -> None:
    plain, extended = original(), join()
    for client in (plain, extended):
        client.heard()
        client.close("the broker is shutting down")
        assert client.session.ended
    assert plain.heard() == [{"type": "notice", "text": "the broker is shutting down", "ts": TS}]
    assert extended.heard()[0]["code"] == "closing"
