"""Room names."""

from __future__ import annotations

import unicodedata

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import ROOM_NAME_BYTES
from sandpiper.common.sanitise import BLANK

LOBBY = "lobby"


def room_name(text: str) -> str:
    """`text` if it names a room. Raises Refusal.

    A name is letters and digits of any script with `-`, `_` and `.` between, in NFC, case kept: it stands in a topic,
    in a file-like TARGET and on a screen, so it may hold neither `/` nor anything unseen.
    """
    if (
        text
        and text[0].isalnum()
        and all(char.isalnum() or char in "-_." for char in text)
        and len(text.encode("utf-8", "replace")) <= ROOM_NAME_BYTES
        and unicodedata.is_normalized("NFC", text)
        and BLANK.isdisjoint(text)  # fillers are letters by category, and draw nothing
    ):
        return text
    raise Refusal(Code.INVALID, f"invalid room name: letters, digits, - _ and ., at most {ROOM_NAME_BYTES} bytes")
