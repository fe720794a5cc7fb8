"""A line as rows of a terminal: parted at spaces, where the terminal itself would cut words."""

from __future__ import annotations

import re
from typing import Final

from sandpiper.cli.styled import StyledLine
from sandpiper.tui.wrap import breaks

_STYLE: Final = re.compile(r"(\x1b\[[0-9;]*m)")
_HANG: Final = "    "
"""What follows the first row stands further in, so that no part of a text looks like another message."""


def rows(line: StyledLine, columns: int) -> StyledLine:
    """Parts a line into rows of at most so many columns; a word that is longer than a row is cut."""
    if len(line) <= columns:
        return line
    pieces = _STYLE.split(line)  # every second one is a style
    cuts = breaks("".join(pieces[::2]), max(columns - len(_HANG), 1), first=columns)
    parted: list[str] = []
    start = 0
    for index, piece in enumerate(pieces):
        if index % 2:
            parted.append(piece)
            continue
        end, at = start + len(piece), 0
        while cuts and cuts[0] <= end:
            cut = cuts.pop(0) - start
            parted += [piece[at:cut].rstrip(" "), "\n", _HANG]
            at = cut
        parted.append(piece[at:])
        start = end
    return StyledLine("".join(parted))
