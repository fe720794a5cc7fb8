"""JSON lines: an incremental reader, and the encoder (docs/protocol.md, "JSON lines")."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sandpiper.common.limits import LINE_BYTES

_encoder: Final = msgspec.json.Encoder(enc_hook=lambda value: _encodable(value))


_UNSEEN: Final = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Characters that a terminal obeys or hides, and JSON lets stand: C1 controls, bidi, zero width, tags."""


def encode_line(message: Any) -> bytes:
    """Encodes an object as a line, newline included. It may be read in a terminal: what that would obey is escaped."""
    try:
        line = _encoder.encode(message)
    except (TypeError, ValueError, RecursionError):
        # msgpack can say what JSON cannot: maps with keys of any type. Only `data` carries such values.
        line = _encoder.encode(_stringly(msgspec.to_builtins(message, enc_hook=_encodable)))
    if b"\x7f" in line or not line.isascii():
        line = _UNSEEN.sub(_escaped, line.decode()).encode()
    return line + b"\n"


def _escaped(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _encodable(value: Any) -> Any:
    if isinstance(value, msgspec.msgpack.Ext):
        return {"ext": value.code, "data": base64.b64encode(value.data).decode()}
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _stringly(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if isinstance(key, str) else repr(key): _stringly(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_stringly(item) for item in value]
    return value


class TooLong(Exception):
    """A line that went over the limit.

    It has been passed over; reading goes on after its newline. `line` counts from 1.
    """

    def __init__(self, line: int = 0) -> None:
        super().__init__(line)
        self.line = line


class LineReader:
    """A reader of lines: bytes in, lines out.

    Holds at most one unfinished line of `limit` bytes, however long the line really is.
    """

    def __init__(self, limit: int = LINE_BYTES) -> None:
        self._limit = limit
        self._held = bytearray()
        self._skipping = False
        self._line = 1

    @property
    def unfinished(self) -> bool:
        """Whether part of a line is waiting for the rest."""
        return bool(self._held) or self._skipping

    def feed(self, data: bytes) -> Iterator[bytes | TooLong]:
        """The lines that `data` completes, without their newline; a TooLong in the place of one over the limit."""
        *complete, rest = data.split(b"\n")
        for part in complete:
            number, self._line = self._line, self._line + 1
            if self._skipping:
                self._skipping = False
                continue
            line = bytes(self._held) + part if self._held else part
            self._held.clear()
            yield line if len(line) <= self._limit else TooLong(number)
        if self._skipping:
            return
        self._held += rest
        if len(self._held) > self._limit:
            self._held.clear()
            self._skipping = True
            yield TooLong(self._line)
