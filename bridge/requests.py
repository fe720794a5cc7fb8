"""Requests of a JSON-lines client of a room: a line in, a typed request out, or the error line that answers it."""

from __future__ import annotations

from typing import Final, TypeAlias

from sandpiper.common.codec import is_too_deep
from sandpiper.common.limits import DATA_DEPTH
from sandpiper.common.line_requests import INVALID_MESSAGE, LineDecoder, Misspoken, named
from sandpiper.common.messages import (
    Hello,
    Leave,
    LineData,
    LineMe,
    LineMsg,
    LineWhisper,
    ListRooms,
    Nick,
    Ping,
    Replay,
    Who,
)

LineRequest: TypeAlias = (
    Hello | Nick | LineMsg | LineMe | LineData | LineWhisper | Who | ListRooms | Leave | Replay | Ping
)
"""One line of a client."""

INVALID_NICK: Final = "invalid nick"

_requests: Final = LineDecoder(LineRequest)


def parse(line: bytes) -> LineRequest:
    """Decodes one line. Raises Misspoken, whose text is the original server's word for it."""
    try:
        said: LineRequest = _requests.decode(line)
    except Misspoken as error:
        if error.kind == "nick":
            raise Misspoken(INVALID_NICK, error.kind, error.id) from None
        raise
    if isinstance(said, LineData) and is_too_deep(said.value):
        raise Misspoken(f"{INVALID_MESSAGE}: a value is nested at most {DATA_DEPTH} deep", "data", named(said.id))
    return said
