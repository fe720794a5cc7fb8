"""A member of a room: `from sandpiper.peer import connect`."""

from __future__ import annotations

from sandpiper.peer.pending import Pending
from sandpiper.peer.room import Room, connect

__all__ = ["Pending", "Room", "connect"]
