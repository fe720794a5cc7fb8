"""A TARGET on the command line: a room at a broker, a room code, or an invite link that holds either."""

from __future__ import annotations

from typing import NoReturn

from sandpiper.common.codes import RoomCode, is_code_like, known_words, parse_code
from sandpiper.common.errors import UsageError
from sandpiper.common.invite import Invite, parse_invite
from sandpiper.common.sanitise import clip
from sandpiper.common.target import FORM, HOST_NAME, PORT, QUOTED_COLUMNS, Target, fail, is_link, parse_host


def parse_target(text: str) -> Target | RoomCode | Invite:
    """Parses a TARGET. Raises UsageError, which quotes of a room code at most a word that is in no list."""
    text = text.strip()
    if is_link(text):
        return parse_invite(text)
    if _names_broker(text):
        return parse_host(text)
    if not is_code_like(text) and known_words(text) < 2:
        _no_broker(text, f"{FORM}) and no room code (pine-ocean-42")
    try:
        return parse_code(text)
    except UsageError as error:
        if known_words(text) or not HOST_NAME.fullmatch(text):
            raise
        raise UsageError(f"{error}; if it is a host, give {clip(text, QUOTED_COLUMNS)}:{PORT}") from None


def parse_broker(text: str) -> Target:
    """Parses the TARGET of a command that takes brokers only: a host, a bare word too, or a link to one.

    Raises UsageError.
    """
    text = text.strip()
    if is_link(text):
        aim = parse_invite(text).aim
        if not isinstance(aim, Target):
            raise UsageError("that link leads to a room between peers: `sandpiper join` takes it")
        return aim
    if not _names_broker(text) and is_code_like(text):
        raise UsageError("that reads like a room code: `sandpiper join` takes it; a host needs its port then")
    return parse_host(text)


def _names_broker(text: str) -> bool:
    bare = text.partition("#")[0]
    return any(mark in bare for mark in ":/.[") or bare.lower() == "localhost"


def _no_broker(text: str, forms: str) -> NoReturn:
    named = len(text) <= QUOTED_COLUMNS and HOST_NAME.fullmatch(text)
    hint = f"for a host of that name try {text}:{PORT}" if named else f"try localhost:{PORT}"
    fail(text, f"is no broker ({forms})", hint)
