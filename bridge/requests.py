"""What a JSON-lines client may say: a line in, a typed message out, or the error line that answers it."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import ID_CHARS, VALUE_DEPTH
from sandpiper.common.messages import (
    Hello,
    Leave,
    LineData,
    LineMe,
    LineMsg,
    LineWhisper,
    ListRooms,
    Nick,
    Ping,
    Replay,
    Who,
)

LineRequest: TypeAlias = (
    Hello | Nick | LineMsg | LineMe | LineData | LineWhisper | Who | ListRooms | Leave | Replay | Ping
)
"""One line of a client."""

INVALID_JSON: Final = "invalid json"
INVALID_TYPE: Final = "invalid message type"
INVALID_NICK: Final = "invalid nick"
INVALID_MESSAGE: Final = "invalid message"

_said: Final = msgspec.json.Decoder(LineRequest)
_any: Final = msgspec.json.Decoder()
_types: Final = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (Hello, Nick, LineMsg, LineMe, LineData, LineWhisper, Who, ListRooms, Leave, Replay, Ping)
)


class Misspoken(Refusal):
    """A line that is none of ours. `kind` is its type and `id` the publication's own name, if they could be read."""

    def __init__(self, text: str, kind: str | None = None, said_id: str | None = None) -> None:
        super().__init__(Code.INVALID, text)
        self.kind = kind
        self.id = said_id


def parse(line: bytes) -> LineRequest:
    """What the line says. Raises Misspoken, whose text is the original server's word for it."""
    try:
        if not line.isascii():
            line.decode()  # msgspec does not look into the strings that it passes over
        said: LineRequest = _said.decode(line)
    except msgspec.ValidationError as error:
        raise _diagnose(line, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Misspoken(INVALID_JSON) from None
    if isinstance(said, LineData) and _deeper(said.value, VALUE_DEPTH):
        raise Misspoken(f"{INVALID_MESSAGE}: a value is nested at most {VALUE_DEPTH} deep", "data", named(said.id))
    return said


def named(said_id: object) -> str | None:
    """`said_id` if it can name a publication in an answer."""
    return said_id if isinstance(said_id, str) and len(said_id) <= ID_CHARS else None


def _diagnose(line: bytes, reason: str) -> Misspoken:
    try:
        body: Any = _any.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Misspoken(INVALID_JSON)
    if not isinstance(body, dict):
        return Misspoken(f"{INVALID_MESSAGE}: a line is one JSON object")
    kind, said_id = body.get("type"), named(body.get("id"))
    if not isinstance(kind, str) or kind not in _types:
        return Misspoken(INVALID_TYPE, None, said_id)
    if kind == "nick":
        return Misspoken(INVALID_NICK, kind, said_id)
    return Misspoken(f"{INVALID_MESSAGE}: {reason}", kind, said_id)


def _deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True
