"""What a JSON-lines client of the discovery service says and hears."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common.limits import LINE_BYTES, ORIGINAL_LINES_BURST, VERSION
from sandpiper.common.messages import Welcome
from sandpiper.common.rendezvous import SERVER
from sandpiper.discovery.legacy_rooms import LegacyRooms
from sandpiper.discovery.lines import LegacySession

WORDS = ["pine", "ocean", "bright", "river"]
TS = 1_700_000_000


def welcome(address: str) -> Welcome:
    return Welcome(VERSION, SERVER, "k" * 40, None, None, f"ticket for {address}")


class Client:
    """A client, and its session."""

    def __init__(self, rooms: LegacyRooms | None = None, address: str = "192.0.2.1") -> None:
        self.address = address
        self.rooms = LegacyRooms(WORDS, random.Random(1), b"s" * 32, lambda: float(TS)) if rooms is None else rooms
        self.session = LegacySession(self.rooms, self, welcome)

    def tell(self, message: msgspec.Struct) -> None:
        self.session.say(message)

    def raw(self, data: bytes, now: float = 0.0) -> list[dict[str, Any]]:
        self.session.receive(data)
        self.session.wait = 0.0
        self.session.work(now, TS)
        return self.hear()

    def hear(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.session.take().splitlines()]

    def say(self, **message: Any) -> dict[str, Any]:
        (answer,) = self.raw(json.dumps(message).encode() + b"\n")
        return answer


def test_hello_is_answered_by_the_key_and_a_ticket() -> None:
    answer = Client().say(type="hello", v=1)
    assert answer == {
        "type": "welcome",
        "v": 1,
        "server": "sandpiper discovery",
        "key": "k" * 40,
        "xsub": None,
        "xpub": None,
        "ticket": "ticket for 192.0.2.1",
        "access": False,
    }


def test_hello_for_a_room_is_told_where_it_is() -> None:
    answer = Client().say(type="hello", v=1, room="lobby")
    assert answer["type"] == "error"
    assert "this is a discovery service" in answer["text"]
    assert answer["ts"] == TS


def test_a_newer_version_is_refused_by_name() -> None:
    client = Client()
    refused = client.say(type="hello", v=2)
    assert "you speak 2" in refused["text"]
    assert refused["code"] == "version"


def test_the_originals_conversation() -> None:
    alice = Client()
    bob = Client(alice.rooms, "192.0.2.2")
    room = alice.say(type="create_room", nick="alice", listen_port=6001, more="ignored")
    assert room == {"type": "room_created", "code": room["code"], "expires_at": TS + 86400}
    info = bob.say(type="lookup_room", code=room["code"], nick="bob")
    peer = {"nick": "alice", "host": "192.0.2.1", "port": 6001}
    assert info == {"type": "room_info", "code": room["code"], "peers": [peer]}
    registered = bob.say(type="register_peer", code=room["code"], nick="bob", host="192.168.1.101", port=6002)
    assert registered == {"type": "peer_registered", "success": True}
    peer = {"nick": "bob", "host": "192.168.1.101", "port": 6002}
    assert alice.hear() == [{"type": "peer_joined", "code": room["code"], "peer": peer}]
    alice.rooms.depart(bob, 1.0)
    assert alice.hear() == [{"type": "peer_left", "code": room["code"], "nick": "bob"}]


def test_an_original_client_is_told_why_it_is_not_registered() -> None:
    alice = Client()
    bob = Client(alice.rooms, "192.0.2.2")
    code = alice.say(type="create_room", nick="alice", listen_port=6001, password="s3cret")["code"]
    peer = {"type": "register_peer", "code": code, "nick": "alice", "host": "h", "port": 6002}
    assert bob.say(**peer) == {
        "type": "error",
        "text": "this room has a password: look it up with the password first",
        "ts": TS,
    }
    assert bob.say(**peer, password="wrong")["text"] == "wrong password"
    taken = {"type": "error", "text": "the nick alice is taken in this room; choose another", "ts": TS}
    assert bob.say(**peer, password="s3cret") == taken
    assert bob.say(type="lookup_room", code=code, nick="bob", password="s3cret")["type"] == "room_info"
    assert bob.say(**peer) == taken
    assert bob.say(**{**peer, "nick": "bob"}) == {"type": "peer_registered", "success": True}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"{\n", "invalid json"),
        (b'{"type":"ping","x":"\xff"}\n', "invalid json"),
        (b"[" * 5000 + b"\n", "invalid json"),
        (b"[1]\n", "invalid message: a line is one JSON object"),
        (b'{"type":"msg","text":"hi"}\n', "invalid message type"),
        (b'{"type":["msg"]}\n', "invalid message type"),
        (b'{"nick":"alice"}\n', "invalid message type"),
        (b'{"type":"create_room","nick":"alice"}\n', "invalid message: "),
        (b'{"type":"create_room","nick":"alice","listen_port":"6001"}\n', "invalid message: "),
        (b'{"type":"create_room","nick":"alice","listen_port":0}\n', "a port is a number"),
        (b'{"type":"lookup_room","code":"no-such-42","nick":"bob"}\n', "no such room"),
        (b"x" * (LINE_BYTES + 1) + b"\n", "line too long"),
    ],
)
def test_what_is_wrong_is_said_and_the_client_stays(line: bytes, text: str) -> None:
    client = Client()
    (answer,) = client.raw(line)
    assert (answer["type"], answer["ts"]) == ("error", TS)
    assert answer["text"].startswith(text)
    assert set(answer) == {"type", "text", "ts"}
    assert client.say(type="ping") == {"type": "pong", "ts": TS}


def test_blank_lines_say_nothing() -> None:
    assert Client().raw(b"\n  \r\n\n") == []


def test_lines_come_whole_or_in_pieces() -> None:
    client = Client()
    assert client.raw(b'{"type":"pi') == []
    assert client.session.unfinished
    assert client.raw(b'ng"}\n{"type":"ping"}') == [{"type": "pong", "ts": TS}]
    client.session.finish()
    client.session.work(0.0, TS)
    assert client.hear() == [{"type": "pong", "ts": TS}]


def test_who_says_much_is_read_more_slowly_and_loses_nothing() -> None:
    client = Client()
    count = int(ORIGINAL_LINES_BURST) * 3
    heard = len(client.raw(b'{"type":"ping"}\n' * count))
    assert heard <= ORIGINAL_LINES_BURST + 1
    assert client.session.wait > 0
    now = 0.0
    while client.session.wait:
        now += client.session.wait
        client.session.wait = 0.0
        client.session.work(now, TS)
        heard += len(client.hear())
    assert heard == count


@given(st.lists(st.one_of(st.binary(max_size=40), st.just(b'{"type":"create_room","nick":"a","listen_port":1}\n'))))
def test_nothing_breaks_a_session(pieces: list[bytes]) -> None:
    client = Client()
    for number, piece in enumerate(pieces):
        for answer in client.raw(piece, number * 100.0):
            assert answer["type"] in ("error", "room_created")
    client.rooms.depart(client, 0.0)
