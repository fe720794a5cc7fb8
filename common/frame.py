"""The bus frame: `topic NUL body`, one frame a message (docs/protocol.md, "The bus").

The topic is `<room>/<type>` in UTF-8, the body one msgpack map with the keys of the JSON line. One frame rather
than two: a second one costs a checking broker two thirds of its throughput, and prefixes match the same.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sandpiper.common import codec
from sandpiper.common.codec import is_too_deep
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import BODY_BYTES, DATA_DEPTH
from sandpiper.common.messages import DRAFTS, Data, DataDraft, Draft, Me, Message, Msg, Notice
from sandpiper.common.rooms import room_name
from sandpiper.common.sanitise import complaint

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
    """Encodes one frame for `room/kind`. Raises Refusal for a `data` value that msgpack cannot say."""
    try:
        return topic(room, kind) + b"\0" + codec.encode(message)
    except (OverflowError, UnicodeEncodeError, TypeError, RecursionError) as error:
        # JSON has whole numbers of any size, and a program's own value may hold anything.
        raise Refusal(Code.INVALID, f"not a {kind}: {complaint(error)}") from None


def decode_draft(kind: str, body: bytes) -> Draft:
    """Decodes a publisher's body under a topic of this type. Raises Refusal."""
    if len(body) > BODY_BYTES:
        raise Refusal(Code.TOO_LARGE, f"a message has at most {BODY_BYTES} bytes, this one {len(body)}")
    draft: Draft = codec.decode(_drafts[kind], body, f"not a {kind}")
    if isinstance(draft, DataDraft):
        check_depth(draft.value)
    return draft


def decode(frame: bytes) -> Message | Notice | None:
    """Decodes a frame of the broker; None for a type that this version does not know. Raises Refusal."""
    name, body = split(frame)
    decoder = _received.get(name[name.rfind(b"/") + 1 :].decode("ascii", "replace"))
    if decoder is None:
        return None
    message: Message | Notice = codec.decode(decoder, body, "not a message")
    if isinstance(message, Data):
        check_depth(message.value)
    return message


def check_depth(value: Any) -> None:
    """Raises Refusal for a value that some encoder down the line might not get to the bottom of."""
    if is_too_deep(value):
        raise Refusal(Code.INVALID, f"not a data: nested more than {DATA_DEPTH} deep")
