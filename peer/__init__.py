"""A member of a room: `from sandpiper.peer import connect`."""

from __future__ import annotations

from sandpiper.peer.room import Pending, Room, connect

__all__ = ["Pending", "Room", "connect"]
