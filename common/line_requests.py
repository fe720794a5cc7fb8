"""JSON lines of a client: each a typed request, or the original server's words for what is wrong with it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sandpiper.common.codec import UNDECODABLE
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import ID_CHARS
from sandpiper.common.sanitise import complaint

INVALID_JSON: Final = "invalid json"
INVALID_TYPE: Final = "invalid message type"
INVALID_MESSAGE: Final = "invalid message"

_any: Final = msgspec.json.Decoder()


class Misspoken(Refusal):
    """A line that is no request. `kind` is its type and `id` the publication's own name, if they could be read."""

    def __init__(self, text: str, kind: str | None = None, said_id: str | None = None) -> None:
        super().__init__(Code.INVALID, text)
        self.kind = kind
        self.id = said_id


def named(said_id: object) -> str | None:
    """`said_id` if it can name a publication in an answer."""
    return said_id if isinstance(said_id, str) and len(said_id) <= ID_CHARS else None


class LineDecoder:
    """A decoder of lines that are one of several types. `types` is their union, and its members are tagged structs."""

    def __init__(self, types: Any) -> None:
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(types)
        self._tags = {str(kind.__struct_config__.tag) for kind in types.__args__}

    def decode(self, line: bytes) -> Any:
        """The request of a line. Raises Misspoken."""
        try:
            if not line.isascii():
                line.decode()  # msgspec does not look into the strings that it passes over
            return self._decoder.decode(line)
        except msgspec.ValidationError as error:
            raise self._diagnosed(line, error) from None
        except UNDECODABLE:
            raise Misspoken(INVALID_JSON) from None

    def _diagnosed(self, line: bytes, error: Exception) -> Misspoken:
        try:
            body: Any = _any.decode(line)
        except UNDECODABLE:
            return Misspoken(INVALID_JSON)
        if not isinstance(body, dict):
            return Misspoken(f"{INVALID_MESSAGE}: a line is one JSON object")
        kind, said_id = body.get("type"), named(body.get("id"))
        if not isinstance(kind, str) or kind not in self._tags:
            return Misspoken(INVALID_TYPE, None, said_id)
        return Misspoken(f"{INVALID_MESSAGE}: {complaint(error)}", kind, said_id)
