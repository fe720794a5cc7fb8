"""Members as people read of them: which one is the reader's own window, and how a path is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sandpiper.common.messages import Member

_PATHS: Final = {
    "bus": "broker",
    "one-port": "broker, one port",
    "line": "JSON lines",
    "direct": "direct",
    "lan": "LAN",
    "relay": "relay",
    "via": "via another",
    "none": "no path",
    "opening": "connecting",
    "offline": "offline",
}
_SHORT: Final = {"one-port": "one port", "line": "lines", "via": "via", "none": "none"}


def path_words(path: str, *, short: bool = False) -> str:
    """Returns how messages travel, in words."""
    return (_SHORT.get(path) if short else None) or _PATHS.get(path, path)


def own_place(members: Sequence[Member], fingerprint: str, nick: str) -> int:
    """Returns the index of this very session among the members; -1 if it is not there.

    Other windows of the same person have the same key.
    """
    places = [at for at, member in enumerate(members) if fingerprint and member.from_ == fingerprint]
    ours = [at for at in places if members[at].path == "self"] or [at for at in places if members[at].nick == nick]
    return (ours or places or [-1])[0]
