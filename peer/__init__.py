"""A member of a room: `from sandpiper.peer import connect, join, create`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandpiper.peer.receipt import Pending
from sandpiper.peer.room import Room, connect

if TYPE_CHECKING:
    from sandpiper.peer.p2p.api import create, join

__all__ = ["Pending", "Room", "connect", "create", "join"]


def __getattr__(name: str) -> Any:
    # What rooms between peers need (word lists, SPAKE2) is loaded by those who have one.
    if name in ("create", "join"):
        from sandpiper.peer.p2p import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
