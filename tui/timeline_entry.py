"""The entries of a timeline: messages, notices, and what the screen itself says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from sandpiper.chat.table import Span
from sandpiper.common.limits import DATA_COLUMNS
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Data, Me, Message, Whisper

TALK: Final = frozenset(("msg", "data", "whisper", "whispered"))
"""Kinds that stand under their sender's name."""
MessageKey: TypeAlias = "tuple[str, int, str | None]"
"""What tells a message from all others: its run, its seq and its sender's key."""


@dataclass(slots=True)
class TimelineEntry:
    """An entry. `kind` is msg, me, data, whisper, whispered, notice, note, warn, bad or table."""

    kind: str
    ts: float
    text: str = ""
    nick: str = ""
    from_: str | None = None
    verified: bool = True
    own: bool = False
    old: bool = False
    mentioned: bool = False
    mark: str = ""
    head: bool = False
    day: str = ""
    hidden: bool = False
    serial: int = -1
    version: int = 0
    message: Message | Whisper | None = None
    lines: tuple[list[Span], ...] = ()
    people: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        """About what the entry takes in memory, in bytes."""
        return len(self.text) * (1 if self.text.isascii() else 4) + 200


def message_key(message: Message) -> MessageKey:
    """Returns what tells a message from all others."""
    return message.run, message.seq, message.from_


def message_entry(message: Message, *, own: bool, old: bool) -> TimelineEntry:
    """Makes the entry of a message that has its place in the log."""
    return TimelineEntry(
        "data" if isinstance(message, Data) else "me" if isinstance(message, Me) else "msg",
        float(message.ts),
        _data_text(message) if isinstance(message, Data) else message.text,
        message.nick,
        message.from_,
        message.verified,
        own,
        old,
        message=message,
        mark="✓" if own and not old else "",
    )


def whisper_entry(whisper: Whisper, *, sent: bool) -> TimelineEntry:
    """Makes the entry of a whisper, to the reader or from."""
    kind = "whispered" if sent else "whisper"
    entry = TimelineEntry(kind, float(whisper.ts), whisper.text, whisper.nick, whisper.from_, whisper.verified, sent)
    entry.message = whisper
    return entry


def _data_text(message: Data) -> str:
    return encode_line(message.value)[: DATA_COLUMNS * 4].decode("utf-8", "replace").rstrip("\n")
