"""The messages, defined once for both wires: msgpack on the bus, JSON on a line.

A *draft* is what a publisher sends; a *message* is what the broker has stamped. The types that a room stores are
`msg`, `me` and `data`; all others are passing. Field order is the documented JSON's.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec


class Draft(msgspec.Struct, tag_field="type", kw_only=True, omit_defaults=True):
    """The fields that every publication may carry besides its content.

    `id` is the publisher's own name for it, and `n` its number in this session and room, from 1. Whoever numbers is
    answered by number, and gets order and resending (docs/protocol.md, "Publishing").
    """

    nick: str | None = None
    id: str | None = None
    n: int | None = None


class MsgDraft(Draft, tag="msg"):
    """A chat line."""

    text: str


class MeDraft(Draft, tag="me"):
    """A chat line in the third person."""

    text: str


class DataDraft(Draft, tag="data"):
    """Any msgpack value, for programs."""

    value: Any


DRAFTS: Final[dict[str, type[Draft]]] = {"msg": MsgDraft, "me": MeDraft, "data": DataDraft}


class Passing(msgspec.Struct, tag_field="type", rename={"from_": "from"}, omit_defaults=True):
    """A message that is told once and stored nowhere."""


class Msg(msgspec.Struct, tag_field="type", tag="msg", rename={"from_": "from"}, gc=False):
    """A chat line, stamped.

    `seq` counts the room's log without holes; `prev` is the seq before it of the same type, 0 for none; `run` names
    the log's run; `from` is the sender's key fingerprint, None where no key stands behind the nick; `verified` says
    that the nick is that key's own.
    """

    nick: str
    text: str
    ts: int
    room: str
    seq: int
    prev: int
    run: str
    id: str
    from_: str | None
    verified: bool


class Me(Msg, tag="me", gc=False):
    """A chat line in the third person, stamped."""


class Data(msgspec.Struct, tag_field="type", tag="data", rename={"from_": "from"}):
    """A program's value, stamped."""

    nick: str
    value: Any
    ts: int
    room: str
    seq: int
    prev: int
    run: str
    id: str
    from_: str | None
    verified: bool


Message: TypeAlias = Msg | Me | Data
"""What a log holds."""


class Notice(Passing, tag="notice"):
    """Something happened in a room. `event` is join, leave or nick; then `nick`, `was` and `from` say who."""

    text: str
    ts: int
    room: str | None = None
    event: str | None = None
    nick: str | None = None
    was: str | None = None
    from_: str | None = None


class NickSet(Passing, tag="nick"):
    """The answer to a nick that was taken."""

    text: str
    ts: int


class Error(Passing, tag="error"):
    """A refusal. `code` is one of `errors.Code`; `id` names the publication it answers."""

    text: str
    ts: int
    code: str | None = None
    id: str | None = None
    room: str | None = None


class Whisper(msgspec.Struct, tag_field="type", tag="whisper", rename={"from_": "from"}):
    """A line for one person, by the control door only, never stored."""

    nick: str
    to: str
    text: str
    ts: int
    room: str
    id: str
    from_: str | None
    verified: bool


class Member(msgspec.Struct, rename={"from_": "from"}):
    """A session that is present in a room. `path` is how it comes: bus, one-port or line."""

    nick: str
    from_: str | None
    verified: bool
    path: str
    rtt_ms: float | None = None


class Welcome(msgspec.Struct, tag_field="type", tag="welcome"):
    """The door's answer to hello: the broker's key (Z85) and doors; a closed door is None."""

    v: int
    server: str
    key: str
    xsub: str | None
    xpub: str | None
    ticket: str
    access: bool = False


class Joined(msgspec.Struct, tag_field="type", tag="joined"):
    """In the room: the line a script waits for. The log stands at `seq` in `run`."""

    room: str
    nick: str
    members: list[Member]
    seq: int = 0
    run: str = ""


class Ack(msgspec.Struct, tag_field="type", tag="ack"):
    """Stored."""

    id: str
    room: str
    seq: int | None


class Members(msgspec.Struct, tag_field="type", tag="members"):
    """The members who are present now."""

    room: str
    members: list[Member]


class Rooms(msgspec.Struct, tag_field="type", tag="rooms"):
    """The broker's rooms: name, members present, head of the log."""

    rooms: list[RoomInfo]


class RoomInfo(msgspec.Struct):
    """A room in a listing."""

    room: str
    members: int
    seq: int


class Lost(msgspec.Struct, tag_field="type", tag="lost", rename={"from_": "from"}):
    """Messages that nobody has any more."""

    room: str
    from_: str | None
    count: int


class Found(msgspec.Struct, tag_field="type", tag="found", rename={"from_": "from"}):
    """So many messages that were told to be lost have come after all; they follow, out of their log's order."""

    room: str
    from_: str | None
    count: int


class Trimmed(msgspec.Struct, tag_field="type", tag="trimmed"):
    """Retention removed what stood before `start`: the log's new start, not a loss."""

    room: str
    start: int


class Left(msgspec.Struct, tag_field="type", tag="left"):
    """The answer to leave."""

    room: str


class Replayed(msgspec.Struct, tag_field="type", tag="replayed"):
    """The end of a replay: the entries up to `seq` have been sent; the log begins at `start`."""

    room: str
    seq: int
    start: int


class Pong(msgspec.Struct, tag_field="type", tag="pong"):
    """The answer to ping."""

    ts: int


# What a JSON-lines client says besides drafts ----------------------------------------------------------------


class Hello(msgspec.Struct, tag_field="type", tag="hello"):
    """Asks for the extended protocol; with `room` it joins, without it only asks."""

    v: int = 1
    room: str | None = None
    nick: str | None = None
    after: int | None = None
    backlog: int = 0
    access_code: str | None = None


class Nick(msgspec.Struct, tag_field="type", tag="nick"):
    """Claims a nick. A line's `room`, here and below, defaults to the one joined last."""

    nick: str = ""
    room: str | None = None


class LineMsg(MsgDraft, tag="msg"):
    """A chat line for a room."""

    room: str | None = None


class LineMe(MeDraft, tag="me"):
    """A third-person line for a room."""

    room: str | None = None


class LineData(DataDraft, tag="data"):
    """A value for a room."""

    room: str | None = None


class LineWhisper(msgspec.Struct, tag_field="type", tag="whisper"):
    """A line for one person."""

    to: str
    text: str
    id: str | None = None
    room: str | None = None


class Who(msgspec.Struct, tag_field="type", tag="who"):
    """Asks who is present."""

    room: str | None = None


class ListRooms(msgspec.Struct, tag_field="type", tag="rooms"):
    """Asks for the rooms."""


class Leave(msgspec.Struct, tag_field="type", tag="leave"):
    """Leaves a room."""

    room: str | None = None


class Replay(msgspec.Struct, tag_field="type", tag="replay"):
    """Asks for stored messages with `seq` above `after`."""

    after: int
    limit: int = 100
    room: str | None = None


class Ping(msgspec.Struct, tag_field="type", tag="ping"):
    """Asks for a sign of life."""
