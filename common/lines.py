"""JSON lines: an incremental reader, and the encoder (docs/protocol.md, "JSON lines")."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sandpiper.common.limits import LINE_BYTES

_encoder: Final = msgspec.json.Encoder(enc_hook=lambda value: _encodable(value))


def encode_line(message: Any) -> bytes:
    """One object as a line, newline included."""
    try:
        return _encoder.encode(message) + b"\n"
    except (TypeError, ValueError, RecursionError):
        # msgpack can say what JSON cannot: maps with keys of any type. Only `data` carries such values.
        return _encoder.encode(_stringly(msgspec.to_builtins(message, enc_hook=_encodable))) + b"\n"


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
    """A line went over the limit. It has been passed over; reading goes on after its newline."""


class LineReader:
    """Bytes in, lines out. Holds at most one unfinished line of `limit` bytes, however long the line really is."""

    def __init__(self, limit: int = LINE_BYTES) -> None:
        self._limit = limit
        self._held = bytearray()
        self._skipping = False

    @property
    def unfinished(self) -> bool:
        """Whether part of a line is waiting for the rest."""
        return bool(self._held) or self._skipping

    def feed(self, data: bytes) -> Iterator[bytes | TooLong]:
        """The lines that `data` completes, without their newline; a TooLong in the place of one over the limit."""
        *complete, rest = data.split(b"\n")
        for part in complete:
            if self._skipping:
                self._skipping = False
                continue
            line = bytes(self._held) + part if self._held else part
            self._held.clear()
            yield line if len(line) <= self._limit else TooLong()
        if self._skipping:
            return
        self._held += rest
        if len(self._held) > self._limit:
            self._held.clear()
            self._skipping = True
            yield TooLong()
