"""The entries of a talk log: what is said in the room, before anybody has stamped it.

A member stamps what it receives itself, from what the envelope proves: whose log it is and which seq an entry has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from sandpiper.common import codec, frame
from sandpiper.common.codec import UNDECODABLE
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import BODY_BYTES, ID_CHARS
from sandpiper.common.messages import Data, DataDraft, Draft, Me, MeDraft, Message, Msg, MsgDraft
from sandpiper.common.sanitise import complaint


class LogEntry(msgspec.Struct, tag_field="type", omit_defaults=True, gc=False):
    """An entry of a talk log. `tool`: a program beside the member said it, under a name that no key owns."""

    nick: str
    ts: int
    id: str | None = None
    tool: bool = False


class MsgEntry(LogEntry, tag="msg", kw_only=True, rename={"said": "text"}, gc=False):
    """A chat line."""

    said: str


class MeEntry(LogEntry, tag="me", kw_only=True, rename={"said": "text"}, gc=False):
    """A chat line in the third person."""

    said: str


class DataEntry(LogEntry, tag="data", kw_only=True, rename={"said": "value"}):
    """A program's value."""

    said: Any


STAMPED: Final[dict[type[LogEntry], type[Message]]] = {MsgEntry: Msg, MeEntry: Me, DataEntry: Data}
"""What each becomes when it is stamped; the fields stand in the same order in all of them."""

_encoder: Final = msgspec.msgpack.Encoder()
_all: Final = msgspec.msgpack.Decoder(list[MsgEntry | MeEntry | DataEntry])
_one: Final = msgspec.msgpack.Decoder(MsgEntry | MeEntry | DataEntry)
_raws: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])


def encode(draft: Draft, nick: str, ts: int, *, tool: bool = False) -> bytes:
    """A draft as an entry. Raises Refusal: TOO_LARGE, INVALID."""
    name = draft.id
    if name is not None and len(name) > ID_CHARS:
        name = name[:ID_CHARS]
    entry: LogEntry
    if isinstance(draft, MsgDraft):  # nearly all are
        entry = MsgEntry(nick, ts, name, tool, said=draft.text)
    elif isinstance(draft, MeDraft):
        entry = MeEntry(nick, ts, name, tool, said=draft.text)
    elif isinstance(draft, DataDraft):
        frame.check_depth(draft.value)
        entry = DataEntry(nick, ts, name, tool, said=draft.value)
    else:
        raise Refusal(Code.INVALID, "not a message")
    try:
        body = _encoder.encode(entry)
        if isinstance(draft, DataDraft):
            _one.decode(body)  # msgpack can say more than can be read
    except (OverflowError, UnicodeEncodeError, TypeError, *UNDECODABLE) as error:
        raise Refusal(Code.INVALID, f"cannot be sent: {complaint(error)}") from None
    if len(body) > BODY_BYTES:
        raise Refusal(Code.TOO_LARGE, f"a message has at most {BODY_BYTES} bytes, this one {len(body)}")
    return body


def pack(bodies: Iterable[bytes]) -> bytes:
    """Encoded entries as the body of an envelope."""
    return _encoder.encode([msgspec.Raw(body) for body in bodies])


def decode(body: bytes, count: int) -> list[MsgEntry | MeEntry | DataEntry | None]:
    """The entries of an envelope that says to hold `count`; None in the place of one that this version cannot read.

    Raises Refusal, also for an envelope that holds more or fewer: it would cost as much time as its maker likes.
    """
    if _length(body) != count:
        raise Refusal(Code.INVALID, "not entries: other than it says")
    try:
        found: Sequence[MsgEntry | MeEntry | DataEntry | None] = _all.decode(body)
    except UNDECODABLE:
        found = [_decode_one(bytes(raw)) for raw in _split(body)]
    return [_harmless(entry) if isinstance(entry, DataEntry) else entry for entry in found]


def _length(body: bytes) -> int:
    """How many items the msgpack array has with which `body` begins; -1 for no array."""
    kind = body[0] if body else 0
    if 0x90 <= kind <= 0x9F:
        return kind & 0x0F
    if kind == 0xDC:
        return int.from_bytes(body[1:3], "big")
    return int.from_bytes(body[1:5], "big") if kind == 0xDD else -1


def _split(body: bytes) -> list[msgspec.Raw]:
    found: list[msgspec.Raw] = codec.decode(_raws, body, "not entries")
    return found


def _decode_one(raw: bytes) -> MsgEntry | MeEntry | DataEntry | None:
    try:
        entry: MsgEntry | MeEntry | DataEntry = _one.decode(raw)
    except UNDECODABLE:
        return None
    return entry


def _harmless(entry: DataEntry) -> DataEntry | None:
    try:
        frame.check_depth(entry.said)
    except Refusal:
        return None
    return entry
