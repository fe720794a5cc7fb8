"""A batch: many messages of one room in one frame, `*/<room>/ NUL array` (docs/protocol.md, "Batches").

What waits together travels together: a frame costs its receiver more than the messages in it. The array's items are
the very maps that would be frames of their own; a log is stored, replayed and published in the same form, so a
stamped message is encoded once. `*` begins no room's name, so who subscribes to `<room>/` hears no batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import msgspec

from sandpiper.common import codec, frame
from sandpiper.common.codec import UNDECODABLE
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import BATCH_BYTES, BATCH_MESSAGES, BODY_BYTES
from sandpiper.common.messages import Data, DataDraft, Draft, Me, MeDraft, Message, Msg, MsgDraft, Notice
from sandpiper.common.sanitise import complaint

Said: TypeAlias = Message | Notice

_PREFIX: Final = b"*/"


class _Typed(msgspec.Struct):
    type: str


_encoder: Final = msgspec.msgpack.Encoder()
_typed: Final = msgspec.msgpack.Decoder(_Typed)
_drafts: Final = msgspec.msgpack.Decoder(list[MsgDraft | MeDraft | DataDraft])
_said: Final = msgspec.msgpack.Decoder(list[Msg | Me | Data | Notice])
_one: Final = msgspec.msgpack.Decoder(Msg | Me | Data | Notice)
_raws: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])


def topic(room: str) -> bytes:
    """`*/<room>/` as bytes; the last slash, for topics match by prefix."""
    return b"*/%b/" % room.encode()


def is_topic(raw: bytes) -> bool:
    """Whether a topic, or a subscription's prefix, is for batches."""
    return raw.startswith(_PREFIX)


def read_topic(raw: bytes) -> str:
    """The room that a batch topic names. Raises Refusal."""
    if not (is_topic(raw) and raw.endswith(b"/") and len(raw) > 3):
        raise Refusal(Code.INVALID, "a batch's topic is */<room>/")
    room, _ = frame.read_topic(raw[2:] + b"msg")
    return room


def pack(bodies: Sequence[bytes]) -> bytes:
    """Packs maps that are encoded already into one array."""
    count = len(bodies)
    head = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return head + b"".join(bodies)


def frames(room: str, bodies: Iterable[bytes]) -> list[bytes]:
    """Packs `bodies` into as few frames as hold them, in order."""
    name = topic(room) + b"\0"
    return [name + pack(some) for some in portions(bodies)]


def portions(bodies: Iterable[bytes], most: int = BATCH_MESSAGES) -> list[list[bytes]]:
    """`bodies` in portions of at most `most`, and BATCH_BYTES unless one alone is larger."""
    found: list[list[bytes]] = []
    some: list[bytes] = []
    size = 0
    for body in bodies:
        size += len(body)
        if some and (size > BATCH_BYTES or len(some) == most):
            found.append(some)
            some, size = [], len(body)
        some.append(body)
    if some:
        found.append(some)
    return found


def encode_body(message: msgspec.Struct) -> bytes:
    """Encodes one map. Raises Refusal for a `data` value that msgpack cannot say."""
    try:
        return _encoder.encode(message)
    except (OverflowError, UnicodeEncodeError, TypeError, RecursionError) as error:
        raise Refusal(Code.INVALID, f"cannot be sent: {complaint(error)}") from None


def decode_drafts(body: bytes) -> list[Draft]:
    """Decodes a publisher's batch. Raises Refusal if any of it is bad; `bodies` then tells one from another."""
    drafts: list[Draft] = codec.decode(_drafts, body, "not a batch")
    if len(body) > BODY_BYTES:
        for each in bodies(body):
            if len(each) > BODY_BYTES:
                raise Refusal(Code.TOO_LARGE, f"a message has at most {BODY_BYTES} bytes, this one {len(each)}")
    for draft in drafts:
        if isinstance(draft, DataDraft):
            frame.check_depth(draft.value)
    return drafts


def decode(body: bytes) -> list[Said]:
    """Decodes a broker's batch, without what this version does not know. Raises Refusal for what is no array."""
    try:
        said: list[Said] = _said.decode(body)
    except UNDECODABLE:
        said = []
        for each in bodies(body):
            try:
                said.append(_one.decode(each))
            except UNDECODABLE:
                continue
    return said


def decode_all(blocks: Iterable[bytes]) -> list[Message]:
    """The messages of a page's blocks; what cannot be read is left out, and counts as lost."""
    found: list[Message] = []
    for block in blocks:
        with suppress(Refusal):
            found += [each for each in decode(block) if not isinstance(each, Notice)]
    return found


def kind_of(body: bytes) -> str:
    """The `type` of one map. Raises Refusal."""
    typed: _Typed = codec.decode(_typed, body, "not a message")
    return typed.type


def bodies(body: bytes) -> list[bytes]:
    """The maps of an array, each as its own bytes. Raises Refusal for what is no array."""
    return [bytes(raw) for raw in codec.decode(_raws, body, "not a batch")]
