"""Control: what a keyed client and the broker say to each other over CURVE DEALER and ROUTER.

One msgpack map a frame. A request carries `r`, a number of the client's; the reply repeats it. What carries no `r`
from the broker is an event. Every request is answered, a bad one with `Refused`.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from sandpiper.common.codec import decode
from sandpiper.common.codec import encode as encode
from sandpiper.common.messages import Member, RoomInfo, Whisper


class Request(msgspec.Struct, tag_field="type", tag=str.lower, kw_only=True):
    """A request of a client."""

    r: int


class Pake(Request):
    """The first half of SPAKE2 on the access code; side A is the client."""

    v: int
    message: bytes
    ticket: str = ""


class Enrol(Request):
    """Binds this connection's CURVE key to an identity; `confirm` proves the access code where one is asked.

    `signature` is the identity's Ed25519 over `keys.enrolment(...)`, so it cannot be replayed by another key or at
    another broker.
    """

    v: int
    identity: bytes
    signature: bytes
    caps: list[str] = []
    ticket: str = ""
    confirm: bytes = b""


class Join(Request):
    """Enters a room, made if need be. Without `member` it only reads: no notice, not among the members.

    `run` and `after` are the client's frontier there, if it has one; `backlog` asks for the newest so many instead.
    `next_n` is the lowest number that this session has published there without an acknowledgement.
    """

    room: str
    nick: str = ""
    member: bool = True
    run: str | None = None
    after: int | None = None
    backlog: int = 0
    next_n: int = 1


class Claim(Request):
    """Takes another nick in a room."""

    room: str
    nick: str


class Leave(Request):
    """Leaves a room."""

    room: str


class Who(Request):
    """Asks who is present."""

    room: str


class ListRooms(Request):
    """Asks for the rooms."""


class Replay(Request):
    """Asks for one page of stored frames with seq above `after`."""

    room: str
    after: int
    limit: int


class Publish(Request):
    """Bus frames by control: numbered, in order. Answered by Acked and Refused events; `r` is not used."""

    frames: list[bytes]


class Subscribe(Request):
    """Asks for the room's frames as Push from now on: the one-port way."""

    room: str


class SendWhisper(Request):
    """A line for everyone in the room whose nick is `to`; answered when one of them has it."""

    room: str
    to: str
    text: str
    id: str


class Received(Request):
    """The addressee has the whisper `id` of the person with the fingerprint `sender`."""

    id: str
    sender: str | None


class Challenge(Request):
    """Asks for the nonce that the next Attach signs."""


class Attach(Request):
    """Attaches this session to the tag of a key, whose Ed25519 `signature` is over what `keys.sign_attachment` says."""

    tag_key: bytes
    signature: bytes


class Detach(Request):
    """Leaves a tag."""

    tag: bytes


class SendSealed(Request):
    """Bytes that the broker cannot read, for the relay addresses `to` at a tag; for all others there if it is empty.

    Answered only when it was not passed on.
    """

    tag: bytes
    to: list[bytes]
    body: bytes


class Ping(Request):
    """A sign of life; `rtt_ms` is what the client measured last."""

    rtt_ms: float | None = None


class Bye(Request):
    """The session ends now, with no grace."""


class Reply(msgspec.Struct, tag_field="type", tag=str.lower, kw_only=True):
    """An answer to the request `r`."""

    r: int


class Done(Reply):
    """The request is carried out."""


class Refused(Reply):
    """The request is not carried out."""

    code: str
    text: str
    retry_ms: int = 0


class PakeReply(Reply):
    """The broker's half of SPAKE2. It proves nothing yet: the client confirms first."""

    message: bytes


class Enrolled(Reply):
    """Admitted: the fingerprint others see, the member's rates, and the broker's own confirmation."""

    fingerprint: str
    run: str
    messages_per_s: float
    bytes_per_s: float
    caps: list[str] = []
    confirm: bytes = b""


class Entered(Reply):
    """In the room. The log `run` stands at `head` and begins at `start`; read on after `after`.

    `published` is the last number of this session that the room has stored.
    """

    room: str
    nick: str
    run: str
    head: int
    start: int
    after: int
    published: int
    members: list[Member]


class Present(Reply):
    """The members who are present."""

    members: list[Member]


class RoomList(Reply):
    """The rooms."""

    rooms: list[RoomInfo]


class Page(Reply):
    """Stored messages, oldest first, in blocks (a batch's array each): those after the asked seq, and perhaps some
    before it in the first block. The log stands at `head` and begins at `start`.
    """

    run: str
    start: int
    head: int
    blocks: list[bytes]


class Challenged(Reply):
    """32 bytes, for one Attach of this session."""

    nonce: bytes


class Attached(Reply):
    """The session is at the tag; `present` are the relay addresses of the others there."""

    tag: bytes
    present: list[bytes]


class Pong(Reply):
    """The answer to Ping, and where each of the session's rooms stands, so that a lost last message is noticed too."""

    run: str
    heads: dict[str, int]


class Event(msgspec.Struct, tag_field="type", tag=str.lower, kw_only=True):
    """A message of the broker that answers no request."""


class Acked(Event):
    """The publications `n`, `n + 1`, … are stored and have these seqs; 0 for one whose seq the broker has forgotten."""

    room: str
    n: int
    seqs: list[int]


class Turned(Event):
    """Publication `n` is not stored. With `retry_ms` it and all after it are to be sent again, else it is final."""

    room: str
    n: int
    code: str
    text: str
    retry_ms: int | None = None


class Subscribed(Event):
    """The session's subscription to the room has reached the bus; what comes after `head` will be pushed."""

    room: str
    run: str
    head: int


class Push(Event):
    """Frames of a room, for who subscribed by control."""

    frames: list[bytes]


class Whispered(Event):
    """A line for this session alone; to be answered with Received."""

    whisper: Whisper


class Sealed(Event):
    """A sealed body that the session with the relay address `sender` sent to a tag that this one is attached to."""

    tag: bytes
    sender: bytes
    body: bytes


class RelayPresence(Event):
    """Another session has been attached to the tag, or is there no more."""

    tag: bytes
    address: bytes
    present: bool


class Closing(Event):
    """The broker goes; come back later."""

    text: str


AnyRequest: TypeAlias = (
    Pake
    | Enrol
    | Join
    | Claim
    | Leave
    | Who
    | ListRooms
    | Replay
    | Publish
    | Subscribe
    | SendWhisper
    | Received
    | Challenge
    | Attach
    | Detach
    | SendSealed
    | Ping
    | Bye
)
AnyAnswer: TypeAlias = (
    Done
    | Refused
    | PakeReply
    | Enrolled
    | Entered
    | Present
    | RoomList
    | Page
    | Challenged
    | Attached
    | Pong
    | Acked
    | Turned
    | Subscribed
    | Push
    | Whispered
    | Sealed
    | RelayPresence
    | Closing
)

_requests: Final = msgspec.msgpack.Decoder(AnyRequest)
_answers: Final = msgspec.msgpack.Decoder(AnyAnswer)


def decode_request(frame: bytes) -> AnyRequest:
    """Decodes a client's request. Raises Refusal; `codec.request_number` tells which request it answers."""
    request: AnyRequest = decode(_requests, frame, "not a request")
    return request


def decode_answer(frame: bytes) -> AnyAnswer:
    """Decodes an answer of the broker. Raises Refusal."""
    answer: AnyAnswer = decode(_answers, frame, "not an answer")
    return answer
