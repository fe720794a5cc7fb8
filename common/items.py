"""An item: one thing to tell JSON-lines clients, encoded once however many hear it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from sandpiper.common.errors import Code
from sandpiper.common.limits import LINE_BYTES
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Ack, Data, Error, Found, Lost, Me, Msg, NickSet, Notice, Trimmed, Whisper


class Item:
    """A message in its two encodings, the original and the extended one, made when first asked for.

    `extended` is the whole object. `original` is what the documented wire knows: msg, notice, nick and error with
    their documented keys; for what it has no word for, a notice, or None for nothing at all.
    """

    __slots__ = ("_extended", "_original", "message")

    def __init__(self, message: msgspec.Struct) -> None:
        self.message = message
        self._extended: bytes | None = None
        self._original: bytes | None = None

    @property
    def extended(self) -> bytes:
        """The line for a client that said hello."""
        if self._extended is None:
            self._extended = bounded_line(self.message)
        return self._extended

    @property
    def original(self) -> bytes:
        """The line for an original client; empty for nothing."""
        if self._original is None:
            plain = _original(self.message)
            self._original = b"" if plain is None else bounded_line(plain, plain=True)
        return self._original


class Items(tuple[Item, ...]):
    """A batch of items for many clients, put together once for each encoding."""

    @cached_property
    def extended(self) -> bytes:
        """The lines for clients that said hello."""
        return b"".join([item.extended for item in self])

    @cached_property
    def original(self) -> bytes:
        """The lines for original clients."""
        return b"".join([item.original for item in self])


def bounded_line(message: Any, ts: int = 0, *, plain: bool = False) -> bytes:
    """`message` as a line; if that would be over the wire's limit, an error that says what could not be shown.

    `ts` (whole seconds) is the error's time for a message that has none of its own; `plain` keeps it to the
    documented keys.
    """
    try:
        line = encode_line(message)
        reason = f"{len(line) - 1} bytes, and a line has at most {LINE_BYTES}"
    except RecursionError:
        line, reason = b"", "nested too deep"
    if line and len(line) - 1 <= LINE_BYTES:
        return line
    seq = getattr(message, "seq", None)
    kind = message.__struct_config__.tag
    error = Error(
        text=f"{kind if seq is None else f'{kind} {seq}'} cannot be shown here: {reason}",
        ts=getattr(message, "ts", ts),
        code=None if plain else Code.TOO_LARGE.value,
        room=None if plain else getattr(message, "room", None),
    )
    return encode_line(error)


class _OriginalMsg(msgspec.Struct, tag_field="type", tag="msg"):
    nick: str
    text: str
    ts: int


def _original(message: Any) -> msgspec.Struct | None:
    match message:
        case Me():
            return Notice(text=f"* {message.nick} {message.text}", ts=message.ts)
        case Msg():
            return _OriginalMsg(message.nick, message.text, message.ts)
        case Whisper():
            return Notice(text=f"{message.nick} whispers: {message.text}", ts=message.ts)
        case Notice() | Error() | NickSet():
            return type(message)(text=message.text, ts=message.ts)
        case Data() | Ack() | Lost() | Found() | Trimmed():
            return None
    return None
