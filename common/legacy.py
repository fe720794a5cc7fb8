"""The JSON lines of the original discovery: rooms that the service knows by their whole code (docs/discovery.md)."""

from __future__ import annotations

import msgspec


class Peer(msgspec.Struct):
    """Where a peer listens; both are None for one that is only reached through others."""

    nick: str
    host: str | None
    port: int | None


class CreateRoom(msgspec.Struct, tag_field="type", tag="create_room"):
    """Asks for a room; the asker is its first peer, at the address that it comes from."""

    nick: str
    listen_port: int
    password: str | None = None


class RegisterPeer(msgspec.Struct, tag_field="type", tag="register_peer"):
    """Adds the asker to a room's peers. The original has no `password` here: it was shown in a look-up."""

    code: str
    nick: str
    host: str
    port: int
    password: str | None = None


class LookupRoom(msgspec.Struct, tag_field="type", tag="lookup_room"):
    """Asks for a room's peers."""

    code: str
    nick: str
    password: str | None = None


class RoomCreated(msgspec.Struct, tag_field="type", tag="room_created"):
    """The room is there, until `expires_at` (Unix time) if nothing happens in it."""

    code: str
    expires_at: int


class PeerRegistered(msgspec.Struct, tag_field="type", tag="peer_registered"):
    """The asker is among the peers."""

    success: bool = True


class RoomPeers(msgspec.Struct, tag_field="type", tag="room_info"):
    """A room's peers, without the asker."""

    code: str
    peers: list[Peer]


class PeerJoined(msgspec.Struct, tag_field="type", tag="peer_joined"):
    """A peer has come."""

    code: str
    peer: Peer


class PeerLeft(msgspec.Struct, tag_field="type", tag="peer_left"):
    """A peer has gone."""

    code: str
    nick: str
