"""A QR code of a line to paste, for a phone to read off the terminal."""

from __future__ import annotations

from typing import Final

QUIET: Final = 2
"""Modules of white around it. The standard says 4, but readers make do with 2, and a terminal is small."""
_BLOCKS: Final = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
"""Upper and lower module, dark or not; drawn light on dark, for most terminals are dark."""


def qr_lines(text: str, columns: int, rows: int | None = None, *, colours: bool = False) -> list[str] | None:
    """The code's lines, two modules to a character; None where it is wider than `columns` or higher than `rows`.

    With `colours` it is black on white whatever the terminal is like. The lines hold the text as a picture: where the
    text is secret, so are they.
    """
    import segno  # takes 20 ms, and few ask for it

    try:
        matrix = segno.make(text, error="l", micro=False, boost_error=False).matrix
    except (segno.DataOverflowError, ValueError):
        return None
    side = len(matrix) + 2 * QUIET
    if side > columns or (rows is not None and (side + 1) // 2 > rows):
        return None

    def dark(row: int, column: int) -> bool:
        row, column = row - QUIET, column - QUIET
        return 0 <= row < len(matrix) and 0 <= column < len(matrix) and bool(matrix[row][column])

    # One row more than there is, if need be: white as well.
    before, after = ("\x1b[97;40m", "\x1b[0m") if colours else ("", "")
    return [
        before + "".join(_BLOCKS[dark(row, column), dark(row + 1, column)] for column in range(side)) + after
        for row in range(0, side, 2)
    ]
