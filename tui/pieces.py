"""A text that is too long for one message, in pieces that are not."""

from __future__ import annotations

from sandpiper.common.limits import DRAFT_BYTES, DRAFT_CHARS
from sandpiper.common.pieces import boundary


def pieces(text: str) -> list[str]:
    """Cut at the end of a line if there is one, else behind a space, else between two characters that are not joined.

    Put together again, with a line end where one was cut at, they are the text. Blank pieces are left out.
    """
    found: list[str] = []
    start = 0
    while start < len(text):
        end = _reach(text, start)
        following = end
        if end < len(text):
            half = (start + end) // 2
            line = text.rfind("\n", half, end + 1)
            if line > start:
                end, following = line, line + 1
            else:
                space = text.rfind(" ", half, end)
                end = following = boundary(text, start, space + 1 if space >= 0 else end)
        found.append(text[start:end])
        start = following
    return [piece for piece in found if piece.strip()]


def _reach(text: str, start: int) -> int:
    """Returns the end of what one message holds."""
    piece = text[start : start + DRAFT_CHARS].encode("utf-8", "replace")
    return start + len(piece[:DRAFT_BYTES].decode("utf-8", "ignore"))
