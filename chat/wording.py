"""Words for people."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Final

from sandpiper.peer.events import Found, Held

GOES_ON: Final = "what was held up is being stored again"
ASKS_FOR_IT: Final = "this room has a password: type it below"

_ELSEWHERE: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("j", "server", "connect", "channel"), ("join",)),
    **dict.fromkeys(("part", "close", "leave", "wc", "detach"), ("leave", "quit")),
    **dict.fromkeys(("exit", "q", "bye", "signoff", "disconnect", "logout"), ("quit",)),
    **dict.fromkeys(("names", "whois", "users", "members", "w"), ("who",)),
    **dict.fromkeys(("list", "channels", "ls"), ("rooms",)),
    **dict.fromkeys(("query", "m", "tell", "whisper", "dm", "notice", "pm"), ("msg",)),
    **dict.fromkeys(("action", "emote", "describe"), ("me",)),
    **dict.fromkeys(("invite", "share"), ("code",)),
    **dict.fromkeys(("ban", "remove", "kickban"), ("kick",)),
    **dict.fromkeys(("op", "admin", "mod"), ("owner",)),
    **dict.fromkeys(("mute", "unignore", "block", "squelch"), ("ignore",)),
    **dict.fromkeys(("lastlog", "grep", "find"), ("search",)),
    **dict.fromkeys(("log", "save"), ("export",)),
    **dict.fromkeys(("h", "?", "commands"), ("help",)),
    **dict.fromkeys(("name", "rename"), ("nick",)),
    **dict.fromkeys(("ping", "lag", "trace"), ("path", "who")),
    **dict.fromkeys(("cls",), ("clear",)),
}
"""Commands of irssi, weechat and others, and ours."""
_OTHERWISE: Final = {
    **dict.fromkeys(("window", "win", "buffer", "b"), "Alt+Up and Alt+Down go from room to room"),
    **dict.fromkeys(("set", "config", "option"), "`sandpiper config` in a shell sets things"),
    "topic": "a room has no topic",
    "mode": "a room has no modes",
    "away": "nobody is marked as away here",
    "say": "what does not begin with a slash is said",
}


def unknown_command(word: str, names: Collection[str]) -> str:
    """Says that there is no such command, and names ours for another program's, else the nearest."""
    there = next((name for name in _ELSEWHERE.get(word, ()) if name in names), None)
    if there is not None:
        hint = f"here that is /{there}"
    elif word in _OTHERWISE:
        hint = _OTHERWISE[word]
    else:
        near = difflib.get_close_matches(word, names, 1)
        hint = f"did you mean /{near[0]}?" if near else "/help lists them"
    return f"no command /{word}; {hint} (//{word} sends it as text)"


def farewell(name: str, alone: bool, come_back: str) -> str:
    """Says what becomes of a room between peers that the reader has left."""
    if alone:
        return f"nobody else was in {name}: what was said there is gone"
    return f"{name} lives on while others are in it; to come back: {come_back}"


def held_up(event: Held) -> str:
    """Says that what the reader writes waits, and why."""
    return f"nothing is stored: {event.text}. What you write is kept, and sent again by itself"


def found(event: Found) -> str:
    """Says that messages have come which were told to be lost; they follow."""
    return f"{counted(event.count, 'message')} told to be lost, here after all:"


def counted(count: int, what: str) -> str:
    """Returns a count with its noun, such as `1 message` or `2 messages`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
