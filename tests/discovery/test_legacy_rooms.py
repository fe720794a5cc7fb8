"""The original's rooms: who is told of whom, what passwords and guesses cost, what is forgotten."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.legacy import (
    CreateRoom,
    LookupRoom,
    Peer,
    PeerJoined,
    PeerLeft,
    PeerRegistered,
    RegisterPeer,
    RoomPeers,
)
from sandpiper.common.limits import (
    ORIGINAL_GUESSES,
    ORIGINAL_PEERS,
    ORIGINAL_ROOM_GUESSES,
    ORIGINAL_ROOMS_PER_CONNECTION,
    ROOM_EXPIRES_S,
)
from sandpiper.discovery.legacy_rooms import LegacyRooms

WALL = 1_700_000_000.0
WORDS = ["pine", "ocean", "bright", "river", "amber", "cloud"]


class Client:
    """One connection."""

    def __init__(self, address: str = "192.0.2.1") -> None:
        self.address = address
        self.heard: list[msgspec.Struct] = []

    def tell(self, message: msgspec.Struct) -> None:
        self.heard.append(message)


@pytest.fixture
def rooms() -> LegacyRooms:
    return LegacyRooms(WORDS, random.Random(2), b"s" * 32, lambda: WALL)


def created(rooms: LegacyRooms, client: Client, *, password: str | None = None, now: float = 0.0) -> str:
    return rooms.create(client, CreateRoom("alice", 6001, password), now).code


def code_of(call: Callable[..., Any], *given: Any) -> Code | None:
    try:
        call(*given)
    except Refusal as refusal:
        return refusal.code
    return None


def test_a_room_is_opened_looked_up_and_joined(rooms: LegacyRooms) -> None:
    alice, bob = Client("192.0.2.1"), Client("192.0.2.2")
    room = rooms.create(alice, CreateRoom("alice", 6001), 0.0)
    first, second, number = room.code.split("-")
    assert first in WORDS
    assert second in WORDS
    assert first != second
    assert 10 <= int(number) <= 99
    assert room.expires_at == int(WALL + ROOM_EXPIRES_S)
    assert rooms.lookup(bob, LookupRoom(room.code, "bob"), 0.0) == RoomPeers(
        room.code, [Peer("alice", "192.0.2.1", 6001)]
    )
    registered = rooms.register(bob, RegisterPeer(room.code, "bob", "192.168.1.101", 6002), 0.0)
    assert registered == PeerRegistered(success=True)
    assert alice.heard == [PeerJoined(room.code, Peer("bob", "192.168.1.101", 6002))]
    assert not bob.heard
    rooms.depart(bob, 1.0)
    assert alice.heard[1:] == [PeerLeft(room.code, "bob")]
    assert rooms.lookup(Client(), LookupRoom(room.code, "carl"), 1.0).peers == [Peer("alice", "192.0.2.1", 6001)]


def test_a_code_is_forgiven_its_spelling(rooms: LegacyRooms) -> None:
    alice = Client()
    code = created(rooms, alice)
    for spelt in (code.upper(), code.replace("-", " "), code.replace("-", "_"), f"  {code} "):
        assert rooms.lookup(Client(), LookupRoom(spelt, "bob"), 0.0).code == code


def test_registering_anew_replaces(rooms: LegacyRooms) -> None:
    alice, bob = Client(), Client("192.0.2.2")
    code = created(rooms, alice)
    for host in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
        rooms.register(bob, RegisterPeer(code, "bob", host, 6002), 0.0)
    assert [message.peer.host for message in alice.heard if isinstance(message, PeerJoined)] == ["10.0.0.1", "10.0.0.2"]
    alice.heard.clear()
    rooms.register(bob, RegisterPeer(code, "bobby", "", 6002), 0.0)
    assert alice.heard == [PeerLeft(code, "bob"), PeerJoined(code, Peer("bobby", "192.0.2.2", 6002))]
    assert len(rooms.lookup(alice, LookupRoom(code, "alice"), 0.0).peers) == 1


@pytest.mark.parametrize("address", ["192.0.2.2", "192.0.2.3"])
@pytest.mark.parametrize("nick", ["bob", "Bob", "alice"])
def test_a_nick_is_its_connections_for_as_long_as_that_is_open(rooms: LegacyRooms, address: str, nick: str) -> None:
    alice, bob, second, watcher = Client("192.0.2.2"), Client("192.0.2.2"), Client(address), Client()
    code = created(rooms, alice)
    rooms.register(bob, RegisterPeer(code, "bob", "h", 1), 0.0)
    rooms.lookup(watcher, LookupRoom(code, "watcher"), 0.0)
    assert code_of(rooms.register, second, RegisterPeer(code, nick, "h", 2), 0.0) is Code.NICK_TAKEN
    rooms.depart(second, 0.0)
    assert not watcher.heard
    assert rooms.lookup(watcher, LookupRoom(code, "watcher"), 0.0).peers == [
        Peer("alice", "192.0.2.2", 6001),
        Peer("bob", "h", 1),
    ]
    rooms.depart(alice if nick == "alice" else bob, 1.0)
    assert rooms.register(Client(address), RegisterPeer(code, nick, "h", 2), 1.0) == PeerRegistered(success=True)


@pytest.mark.parametrize(
    "request_",
    [
        RegisterPeer("CODE", "bob", "h", 0),
        RegisterPeer("CODE", "bob", "h", 65536),
        RegisterPeer("CODE", "", "h", 1),
        RegisterPeer("CODE", "b\x1b[2J", "h", 1),
        RegisterPeer("CODE", "bob", "h\n", 1),
        RegisterPeer("CODE", "bob", "h" * 256, 1),
    ],
)
def test_nonsense_is_refused(rooms: LegacyRooms, request_: RegisterPeer) -> None:
    alice = Client()
    request_ = msgspec.structs.replace(request_, code=created(rooms, alice))
    assert code_of(rooms.register, Client(), request_, 0.0) is Code.INVALID
    assert not alice.heard


# Passwords and guesses ----------------------------------------------------------------------------------------


def test_a_password_keeps_the_peers_from_others(rooms: LegacyRooms) -> None:
    alice, bob, mallory = Client(), Client("192.0.2.2"), Client("192.0.2.3")
    code = created(rooms, alice, password="s3cret")
    assert code_of(rooms.lookup, mallory, LookupRoom(code, "mallory"), 0.0) is Code.ACCESS
    assert code_of(rooms.lookup, mallory, LookupRoom(code, "mallory", "wrong"), 0.0) is Code.ACCESS
    for nick in ("mallory", "alice"):  # nor whose nicks are taken
        assert code_of(rooms.register, mallory, RegisterPeer(code, nick, "h", 1), 0.0) is Code.ACCESS
    assert not alice.heard
    assert rooms.lookup(bob, LookupRoom(code, "bob", "s3cret"), 0.0).peers == [Peer("alice", "192.0.2.1", 6001)]
    rooms.register(bob, RegisterPeer(code, "bob", "h", 1), 0.0)
    rooms.register(alice, RegisterPeer(code, "alice", "h", 1), 0.0)  # who gave the room its password knows it
    assert not mallory.heard
    assert b"s3cret" not in repr(rooms._rooms).encode()


def test_the_password_may_come_with_the_registration(rooms: LegacyRooms) -> None:
    alice, bob = Client(), Client("192.0.2.2")
    code = created(rooms, alice, password="s3cret")
    assert code_of(rooms.register, bob, RegisterPeer(code, "bob", "h", 1, "wrong"), 0.0) is Code.ACCESS
    assert not alice.heard
    rooms.register(bob, RegisterPeer(code, "bob", "h", 1, "s3cret"), 0.0)
    assert alice.heard == [PeerJoined(code, Peer("bob", "h", 1))]


def test_a_password_is_shown_by_each_connection_for_each_room(rooms: LegacyRooms) -> None:
    alice, bob = Client(), Client("192.0.2.2")
    code, other = (created(rooms, alice, password="s3cret") for _ in range(2))
    rooms.lookup(bob, LookupRoom(code, "bob", "s3cret"), 0.0)
    assert code_of(rooms.register, bob, RegisterPeer(other, "bob", "h", 1), 0.0) is Code.ACCESS
    assert code_of(rooms.register, Client("192.0.2.2"), RegisterPeer(code, "bob", "h", 1), 0.0) is Code.ACCESS
    assert code_of(rooms.register, bob, RegisterPeer(code, "bob", "h", 1), 0.0) is None


def test_guesses_of_codes_are_counted_by_address(rooms: LegacyRooms) -> None:
    guesser = [Client("203.0.113.5") for _ in range(3)]
    code = created(rooms, Client())
    tries = [code_of(rooms.lookup, guesser[n % 3], LookupRoom(f"no-such-{n}", "x"), 0.0) for n in range(1000)]
    assert tries.count(Code.NO_ROOM) == ORIGINAL_GUESSES
    assert set(tries) == {Code.NO_ROOM, Code.RATE}
    assert code_of(rooms.lookup, guesser[0], LookupRoom(code, "x"), 0.0) is Code.RATE
    assert code_of(rooms.lookup, Client("203.0.113.6"), LookupRoom(code, "x"), 0.0) is None
    assert code_of(rooms.lookup, guesser[0], LookupRoom(code, "x"), 100.0) is None


def test_guesses_of_a_password_are_counted_by_room(rooms: LegacyRooms) -> None:
    code = created(rooms, Client(), password="s3cret")
    ways: tuple[tuple[Callable[..., Any], LookupRoom | RegisterPeer], ...] = (
        (rooms.lookup, LookupRoom(code, "x", "wrong")),
        (rooms.register, RegisterPeer(code, "x", "h", 1, "wrong")),
    )
    tries = [
        code_of(ways[n % 2][0], Client(f"203.0.113.{n}"), ways[n % 2][1], 0.0)
        for n in range(int(ORIGINAL_ROOM_GUESSES) + 20)
    ]
    assert tries.count(Code.ACCESS) == ORIGINAL_ROOM_GUESSES
    assert tries.count(Code.RATE) == 20


# Bounds -------------------------------------------------------------------------------------------------------


def test_peers_and_rooms_are_bounded(rooms: LegacyRooms) -> None:
    alice = Client()
    code = created(rooms, alice)
    codes = [
        code_of(rooms.register, Client(), RegisterPeer(code, f"peer{n}", "h", 1), 0.0) for n in range(ORIGINAL_PEERS)
    ]
    assert codes.count(Code.TOO_MANY) == 1
    more = [code_of(rooms.create, alice, CreateRoom("alice", 1), n * 100.0) for n in range(20)]
    assert more.count(None) == ORIGINAL_ROOMS_PER_CONNECTION - 1
    assert len(rooms) == ORIGINAL_ROOMS_PER_CONNECTION
    rush = [code_of(rooms.create, Client("203.0.113.9"), CreateRoom("alice", 1), 0.0) for _ in range(50)]
    assert rush.count(None) == 20


def test_an_empty_room_makes_room(rooms: LegacyRooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.discovery.legacy_rooms.ORIGINAL_ROOMS", 2)
    gone, stays = Client("192.0.2.2"), Client("192.0.2.3")
    old, kept = created(rooms, gone), created(rooms, stays)
    assert code_of(rooms.create, Client(), CreateRoom("x", 1), 0.0) is Code.TOO_MANY
    rooms.depart(gone, 1.0)
    created(rooms, Client(), now=2.0)
    assert code_of(rooms.lookup, Client(), LookupRoom(old, "x"), 2.0) is Code.NO_ROOM
    assert rooms.lookup(Client(), LookupRoom(kept, "x"), 2.0).code == kept


def test_rooms_expire_when_nothing_happens(rooms: LegacyRooms) -> None:
    alice = Client()
    code = created(rooms, alice)
    rooms.tick(ROOM_EXPIRES_S * 3)
    rooms.depart(alice, ROOM_EXPIRES_S * 3)
    rooms.tick(ROOM_EXPIRES_S * 4 - 1)
    assert len(rooms) == 1
    visitor = Client()
    rooms.lookup(visitor, LookupRoom(code, "x"), ROOM_EXPIRES_S * 4 - 1)
    rooms.depart(visitor, ROOM_EXPIRES_S * 4 - 1)
    rooms.tick(ROOM_EXPIRES_S * 5 - 2)
    assert len(rooms) == 1
    rooms.tick(ROOM_EXPIRES_S * 5)
    assert len(rooms) == 0
    rooms.depart(alice, ROOM_EXPIRES_S * 6)
