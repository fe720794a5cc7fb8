"""A member of a room: `from sandpiper.peer import connect, create, join`.

The events, the errors and what else a program handles come from here too. What needs sockets or keys is loaded when it
is first asked for: a program that handles events alone waits for neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sandpiper.common.errors import (
    AccessDenied,
    Code,
    NoSuchRoom,
    PasswordNeeded,
    Refusal,
    Rejected,
    Removed,
    RoomClosed,
    SandpiperError,
    SocketError,
    TrustError,
    Unreachable,
    UsageError,
)
from sandpiper.common.messages import Data, Me, Member, Message, Msg, RoomInfo
from sandpiper.peer.events import (
    CodeChanged,
    Delivered,
    Entered,
    Event,
    Failed,
    Found,
    Held,
    Lost,
    Notice,
    PathChanged,
    PeerJoined,
    PeerLeft,
    Received,
    Resumed,
    RoomCreated,
    Trimmed,
    Warned,
    Whisper,
)
from sandpiper.peer.status import PathInfo, RoomStatus, Verification
from sandpiper.peer.view import RoomView

if TYPE_CHECKING:
    from sandpiper.peer.p2p.api import create, join
    from sandpiper.peer.profile import Profile
    from sandpiper.peer.publishing import Pending
    from sandpiper.peer.room import Room, connect

__all__ = [
    "AccessDenied", "Code", "CodeChanged", "Data", "Delivered", "Entered", "Event", "Failed", "Found", "Held", "Lost",
    "Me", "Member", "Message", "Msg", "NoSuchRoom", "Notice", "PasswordNeeded", "PathChanged", "PathInfo", "PeerJoined",
    "PeerLeft", "Pending", "Profile", "Received", "Refusal", "Rejected", "Removed", "Resumed", "Room", "RoomClosed",
    "RoomCreated", "RoomInfo", "RoomStatus", "RoomView", "SandpiperError", "SocketError", "Trimmed", "TrustError",
    "Unreachable", "UsageError", "Verification", "Warned", "Whisper", "connect", "create", "join",
]  # fmt: skip

_LAZY: Final = {
    "Pending": "sandpiper.peer.publishing",
    "Profile": "sandpiper.peer.profile",
    "Room": "sandpiper.peer.room",
    "connect": "sandpiper.peer.room",
    "create": "sandpiper.peer.p2p.api",
    "join": "sandpiper.peer.p2p.api",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
