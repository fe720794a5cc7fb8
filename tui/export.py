"""A room's messages as a file: text, Markdown or JSON lines. Text and Markdown are safe to look at in a terminal."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from sandpiper.chat.timestamps import day, moment, stamp
from sandpiper.common.errors import Code, Refusal
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Data, Me, Message
from sandpiper.common.sanitise import printable

ENDINGS: Final = {"text": "txt", "markdown": "md", "jsonl": "jsonl"}


def export(messages: Iterable[Message], form: str, path: str, room: str, now: float) -> tuple[Path, int]:
    """Writes them to `path`, or to a name of its own here; where, and how many. Raises Refusal. Never overwrites."""
    target = Path(path).expanduser() if path else Path(f"sandpiper-{_safe(room)}-{stamp(now)}.{ENDINGS[form]}")
    if target.is_dir():
        target = target / f"sandpiper-{_safe(room)}-{stamp(now)}.{ENDINGS[form]}"
    line, count, today = _FORMS[form], 0, ""
    try:
        with target.open("xb") as file:
            for message in messages:
                if form == "markdown" and (this := day(message.ts)) != today:
                    today = this
                    file.write(f"## {today}\n\n".encode() if count == 0 else f"\n## {today}\n\n".encode())
                file.write(line(message))
                count += 1
    except FileExistsError:
        raise Refusal(Code.INVALID, f"{target} is there already; give another name") from None
    except OSError as error:
        raise Refusal(Code.INVALID, f"cannot write {target}: {error.strerror or error}; give another FILE") from None
    return target, count


def _safe(room: str) -> str:
    return "".join(char if char.isalnum() or char in "-_" else "-" for char in room)[:40] or "room"


def _said(message: Message) -> str:
    if isinstance(message, Data):
        return encode_line(message.value).decode("utf-8", "replace").rstrip("\n")
    return message.text


def _text(message: Message) -> bytes:
    who = ("" if message.verified else "~") + printable(message.nick)
    words = printable(_said(message), newlines=True).replace("\n", "\n    | ")
    line = f"* {who} {words}" if isinstance(message, Me) else f"{who}: {words}"
    return f"{moment(message.ts)} {line}\n".encode("utf-8", "replace")


def _markdown(message: Message) -> bytes:
    who = html.escape(printable(message.nick), quote=False).replace("*", "\\*").replace("_", "\\_")
    words = html.escape(printable(_said(message), newlines=True), quote=False).replace("\n", "\n  ")
    time = moment(message.ts)[11:16]
    return f"- {time} **{who}**{'' if isinstance(message, Me) else ':'} {words}\n".encode("utf-8", "replace")


_FORMS: Final[dict[str, Callable[[Message], bytes]]] = {"text": _text, "markdown": _markdown, "jsonl": encode_line}
