"""The bus frame: `topic NUL body`, one frame a message (docs/protocol.md, "The bus").

The topic is `<room>/<type>` in UTF-8, the body one msgpack map with the keys of the JSON line. One frame rather
than two: a second one costs a checking broker two thirds of its throughput, and prefixes match the same.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import BODY_BYTES
from sandpiper.common.messages import DRAFTS, Data, Draft, Me, Message, Msg, Notice
from sandpiper.common.rooms import room_name

_encoder: Final = msgspec.msgpack.Encoder()
_drafts: Final = {kind: msgspec.msgpack.Decoder(draft) for kind, draft in DRAFTS.items()}
_received: Final = {
    kind: msgspec.msgpack.Decoder(message)
    for kind, message in {"msg": Msg, "me": Me, "data": Data, "notice": Notice}.items()
}


def topic(room: str, kind: str) -> bytes:
    """`<room>/<type>` as bytes."""
    return f"{room}/{kind}".encode()


def read_topic(raw: bytes) -> tuple[str, str]:
    """The room and the type that a topic names. Raises Refusal."""
    try:
        room, slash, kind = raw.decode().rpartition("/")
    except UnicodeDecodeError:
        raise Refusal(Code.INVALID, "the topic is not UTF-8") from None
    if not slash or kind not in DRAFTS:
        raise Refusal(Code.INVALID, f"a topic is <room>/<type>, with a type of {', '.join(DRAFTS)}")
    return room_name(room), kind


def split(frame: bytes) -> tuple[bytes, bytes]:
    """The topic and the body. Raises Refusal."""
    name, nul, body = frame.partition(b"\0")
    if not nul:
        raise Refusal(Code.INVALID, "a bus frame is: topic, NUL, msgpack map")
    return name, body


def encode(room: str, kind: str, message: msgspec.Struct) -> bytes:
    """One frame for `room/kind`."""
    return topic(room, kind) + b"\0" + _encoder.encode(message)


def decode_draft(kind: str, body: bytes) -> Draft:
    """What a publisher sent under a topic of this type. Raises Refusal."""
    if len(body) > BODY_BYTES:
        raise Refusal(Code.TOO_LARGE, f"a message has at most {BODY_BYTES} bytes, this one {len(body)}")
    try:
        return _drafts[kind].decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Code.INVALID, f"not a {kind}: {error}") from None


def decode(frame: bytes) -> Message | Notice | None:
    """What a broker stamped, or None for a type that this version does not know. Raises Refusal."""
    name, body = split(frame)
    decoder = _received.get(name[name.rfind(b"/") + 1 :].decode("ascii", "replace"))
    if decoder is None:
        return None
    try:
        message: Any = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Code.INVALID, f"not a message: {error}") from None
    return message  # type: ignore[no-any-return]  # the table's decoders give just these
