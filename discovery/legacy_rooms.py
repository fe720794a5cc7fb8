"""The original's rooms: known by their whole code, with the peers' nicks and addresses in clear.

They are of a kind of their own and never meet the sealed ones. A peer is there for as long as the connection that
registered it, and nobody else takes its nick meanwhile: a place that could be taken over would be lost to its owner,
who is not told, and whose only sign of life is the connection.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from sandpiper.common.buckets import Bucket
from sandpiper.common.connection_limits import household
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.legacy import (
    CreateRoom,
    LookupRoom,
    Peer,
    PeerJoined,
    PeerLeft,
    PeerRegistered,
    RegisterPeer,
    RoomCreated,
    RoomPeers,
)
from sandpiper.common.limits import (
    ACCESS_CODE_CHARS,
    CREATES_BURST,
    CREATES_PER_S_AND_ADDRESS,
    DISCOVERY_LOOPBACK,
    HOST_CHARS,
    ORIGINAL_GUESSES,
    ORIGINAL_GUESSES_PER_S,
    ORIGINAL_PEERS,
    ORIGINAL_ROOM_GUESSES,
    ORIGINAL_ROOM_GUESSES_PER_S,
    ORIGINAL_ROOMS,
    ORIGINAL_ROOMS_PER_ADDRESS,
    ORIGINAL_ROOMS_PER_CONNECTION,
    ROOM_EXPIRES_S,
)
from sandpiper.common.nicks import fold
from sandpiper.common.nicks import nick as valid_nick
from sandpiper.common.rate_limits import RateLimits
from sandpiper.discovery.chance import Chance

_BETWEEN: Final = re.compile(r"[\s_-]+")
_CODE_CHARS: Final = 64
_HOST: Final = re.compile(r"[0-9A-Za-z.:%_-]+")
_NUMBERS: Final = (10, 100)


class LegacyClient(Protocol):
    """A JSON-lines connection, as its rooms see it."""

    address: str

    def tell(self, message: msgspec.Struct) -> None:
        """Something has happened in a room of this connection."""


@dataclass(slots=True, eq=False)
class LegacyRoom:
    """A room of original clients.

    `password` is a MAC. `insiders` are the connections that know the code and the password, `peers` some of them.
    """

    code: str
    home: str
    password: bytes | None
    active: float
    peers: dict[LegacyClient, Peer] = field(default_factory=dict)
    insiders: set[LegacyClient] = field(default_factory=set)
    # Asked before a guess and charged after it, so the last one that the bucket holds is one too many.
    guesses: Bucket = field(default_factory=lambda: Bucket(ORIGINAL_ROOM_GUESSES_PER_S, ORIGINAL_ROOM_GUESSES - 1))


class LegacyRooms:
    """The rooms of original clients. `words` are what codes are made of."""

    def __init__(self, words: Sequence[str], chance: Chance, secret: bytes, wall: Callable[[], float]) -> None:
        self._words = words
        self._chance = chance
        self._secret = secret
        self._wall = wall
        self._rooms: dict[str, LegacyRoom] = {}
        self._of: dict[LegacyClient, set[str]] = {}
        self._by_home: Counter[str] = Counter()
        self._guesses = RateLimits(ORIGINAL_GUESSES_PER_S, ORIGINAL_GUESSES - 1, loopback=DISCOVERY_LOOPBACK)
        self._creates = RateLimits(CREATES_PER_S_AND_ADDRESS, CREATES_BURST, loopback=DISCOVERY_LOOPBACK)
        self.wrong = 0

    def __len__(self) -> int:
        return len(self._rooms)

    # Requests ----------------------------------------------------------------------------------------------

    def create(self, guest: LegacyClient, request: CreateRoom, now: float) -> RoomCreated:
        """A new room with the asker in it. Raises Refusal."""
        peer = Peer(valid_nick(request.nick), guest.address, _port(request.listen_port))
        password = self._mac(request.password) if request.password else None
        home = household(guest.address)
        self._check_space(guest, home, now)
        room = LegacyRoom(self._new_code(), home, password, now)
        self._enter(room, guest)
        self._rooms[room.code] = room
        self._by_home[home] += 1
        room.peers[guest] = peer
        return RoomCreated(room.code, int(self._wall() + ROOM_EXPIRES_S))

    def register(self, guest: LegacyClient, request: RegisterPeer, now: float) -> PeerRegistered:
        """The asker is among the peers from now on. Raises Refusal."""
        nick, port, host = valid_nick(request.nick), _port(request.port), _host(request.host or guest.address)
        room = self._room(guest, request.code, now)
        if room.password is not None and guest not in room.insiders:
            # The original's request has no password: its clients have shown it when they looked the room up.
            if request.password is None:
                raise Refusal(Code.ACCESS, "this room has a password: look it up with the password first")
            self._check_password(room, guest, request.password, now)
        self._check_nick(room, guest, nick)
        known = room.peers.get(guest)
        if known is None and len(room.peers) >= ORIGINAL_PEERS:
            raise Refusal(Code.TOO_MANY, f"the room is full: at most {ORIGINAL_PEERS} peers")
        self._enter(room, guest)
        if known is not None and known.nick != nick:
            self._tell(room, guest, PeerLeft(room.code, known.nick))
        peer = room.peers[guest] = Peer(nick, host, port)
        room.active = now
        if peer != known:
            self._tell(room, guest, PeerJoined(room.code, peer))
        return PeerRegistered()

    def lookup(self, guest: LegacyClient, request: LookupRoom, now: float) -> RoomPeers:
        """The peers of a room. Raises Refusal."""
        valid_nick(request.nick)
        room = self._room(guest, request.code, now)
        if room.password is not None:
            self._check_password(room, guest, request.password or "", now)
        self._enter(room, guest)
        room.active = now
        return RoomPeers(room.code, [peer for other, peer in room.peers.items() if other is not guest])

    # Life --------------------------------------------------------------------------------------------------

    def depart(self, guest: LegacyClient, now: float) -> None:
        """The connection has gone, and the peers that it registered with it."""
        for code in self._of.pop(guest, ()):
            room = self._rooms[code]  # which is not forgotten before its last insider has gone
            room.insiders.discard(guest)
            room.active = now
            peer = room.peers.pop(guest, None)
            if peer is not None:
                self._tell(room, guest, PeerLeft(code, peer.nick))

    def tick(self, now: float) -> None:
        """Rooms in which nothing has happened for long enough are gone. A connected peer is something."""
        for room in list(self._rooms.values()):
            if room.insiders:
                room.active = now
            elif now - room.active >= ROOM_EXPIRES_S:
                self._forget(room)

    # Within ------------------------------------------------------------------------------------------------

    def _room(self, guest: LegacyClient, code: str, now: float) -> LegacyRoom:
        self._check_guesses(guest, now)
        room = self._rooms.get(_BETWEEN.sub("-", code[:_CODE_CHARS].strip().lower()))
        if room is None:
            self._wrong(guest, now)
            raise Refusal(Code.NO_ROOM, "no such room; check the code")
        return room

    def _check_guesses(self, guest: LegacyClient, now: float) -> None:
        wait = self._guesses.debt(guest.address, now)
        if wait:
            raise Refusal(Code.RATE, f"too many wrong guesses from your address; try again in {wait:.0f} s")

    def _check_password(self, room: LegacyRoom, guest: LegacyClient, password: str, now: float) -> None:
        wait = room.guesses.charge(0.0, now)
        if wait:
            raise Refusal(Code.RATE, f"too many wrong passwords for this room; try again in {wait:.0f} s")
        if not hmac.compare_digest(self._mac(password), room.password or b""):
            room.guesses.charge(1.0, now)
            self._wrong(guest, now)
            raise Refusal(Code.ACCESS, "wrong password")

    def _wrong(self, guest: LegacyClient, now: float) -> None:
        self.wrong += 1
        self._guesses.charge(guest.address, 1.0, now)

    def _check_nick(self, room: LegacyRoom, guest: LegacyClient, nick: str) -> None:
        # The address is no excuse: behind one router or tunnel all have the same. One whose line has died is let go of
        # by TCP keep-alive.
        if any(other is not guest and fold(peer.nick) == fold(nick) for other, peer in room.peers.items()):
            raise Refusal(Code.NICK_TAKEN, f"the nick {nick} is taken in this room; choose another")

    def _check_space(self, guest: LegacyClient, home: str, now: float) -> None:
        most = ORIGINAL_ROOMS_PER_ADDRESS * (DISCOVERY_LOOPBACK if home == "loopback" else 1)
        if self._creates.take(guest.address, 1.0, now) or self._by_home[home] >= most:
            raise Refusal(Code.TOO_MANY, "too many new rooms from your address; try again later")
        if len(self._rooms) >= ORIGINAL_ROOMS:
            empty = [room for room in self._rooms.values() if not room.insiders]
            if not empty:
                raise Refusal(Code.TOO_MANY, "this service has too many rooms; try again later")
            self._forget(min(empty, key=lambda room: room.active))

    def _enter(self, room: LegacyRoom, guest: LegacyClient) -> None:
        codes = self._of.setdefault(guest, set())
        if room.code not in codes and len(codes) >= ORIGINAL_ROOMS_PER_CONNECTION:
            raise Refusal(Code.TOO_MANY, f"at most {ORIGINAL_ROOMS_PER_CONNECTION} rooms a connection")
        codes.add(room.code)
        room.insiders.add(guest)

    def _tell(self, room: LegacyRoom, but: LegacyClient, message: msgspec.Struct) -> None:
        for guest in room.insiders:
            if guest is not but:
                guest.tell(message)

    def _forget(self, room: LegacyRoom) -> None:
        del self._rooms[room.code]
        self._by_home[room.home] -= 1
        if not self._by_home[room.home]:
            del self._by_home[room.home]

    def _new_code(self) -> str:
        while True:  # of 400 million
            first, second = self._chance.sample(self._words, 2)
            code = f"{first}-{second}-{self._chance.randrange(*_NUMBERS)}"
            if code not in self._rooms:
                return code

    def _mac(self, password: str) -> bytes:
        return hashlib.blake2b(password[:ACCESS_CODE_CHARS].encode("utf-8", "replace"), key=self._secret).digest()


def _port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise Refusal(Code.INVALID, "a port is a number from 1 to 65535")
    return port


def _host(host: str) -> str:
    if len(host) > HOST_CHARS or not _HOST.fullmatch(host):
        raise Refusal(Code.INVALID, "a host is a name or an address")
    return host
