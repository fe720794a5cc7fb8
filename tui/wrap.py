"""Breaks a line so that it fits a width, in time that is linear in its length."""

from __future__ import annotations

from rich.cells import cell_len, split_graphemes


def breaks(text: str, width: int, first: int | None = None) -> list[int]:
    """Indexes at which rows begin, after the first: at spaces if there are any, never inside a character.

    `first` is the width of the first row. The space at which a row ends stays at its end, and may hang over.
    """
    width = max(width, 2)
    room = width if first is None else max(first, 2)
    if text.isascii():
        return _ascii(text, width, room) if len(text) > room else []
    return _wide(text, width, room) if cell_len(text) > room else []


def _ascii(text: str, width: int, room: int) -> list[int]:
    cuts: list[int] = []
    start, length = 0, len(text)
    while length - start > room:
        cut = text.rfind(" ", start, start + room + 1) + 1
        if cut <= start:
            cut = start + room
        if cut >= length:
            break
        cuts.append(cut)
        start, room = cut, width
    return cuts


def _wide(text: str, width: int, room: int) -> list[int]:
    cuts: list[int] = []
    used = begin = space = since = 0  # columns; where the row begins; after its last space, and columns since then
    for start, end, cells in split_graphemes(text)[0]:
        if text[start:end] == " ":  # one that bears a mark is a character like others
            used, since, space = used + cells, 0, end
            continue
        if used + cells > room and start > begin:
            if space > begin:
                begin, used = space, since
            else:
                begin, used = start, 0
            cuts.append(begin)
            room = width
            if used + cells > room and start > begin:
                begin, used = start, 0
                cuts.append(begin)
        used += cells
        since += cells
    return cuts
