"""An item: one thing to tell JSON-lines clients, encoded once however many hear it."""

from __future__ import annotations

from typing import Any

import msgspec

from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Ack, Data, Error, Lost, Me, Msg, NickSet, Notice, Trimmed, Whisper


class Item:
    """A message with its two tongues, made when first asked for.

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
            self._extended = encode_line(self.message)
        return self._extended

    @property
    def original(self) -> bytes:
        """The line for an original client; empty for nothing."""
        if self._original is None:
            plain = _original(self.message)
            self._original = b"" if plain is None else encode_line(plain)
        return self._original


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
        case Data() | Ack() | Lost() | Trimmed():
            return None
    return None
