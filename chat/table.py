"""Rows of text pieces, as commands answer with them, laid out in columns."""

from __future__ import annotations

from typing import Final, TypeAlias

from sandpiper.common.sanitise import clip, printable, width

Span: TypeAlias = tuple[str, str]
"""A piece of text and its style: a key of tui.themes.Styles, such as `soft`, `alarm` or `nick NAME`."""
Row: TypeAlias = list[Span]

_CELL_COLUMNS: Final = 200


def columns(rows: list[Row]) -> list[Row]:
    """Pads the cells so that they stand in columns. An empty column goes; every text becomes printable."""
    cleaned = [[(clip(printable(text), _CELL_COLUMNS), key) for text, key in row] for row in rows]
    count = max((len(row) for row in cleaned), default=0)
    wide = [max((width(row[n][0]) for row in cleaned if n < len(row)), default=0) for n in range(count)]
    laid = []
    for row in cleaned:
        while row and not row[-1][0]:
            del row[-1]
        ends = len(row) - 1
        laid.append([
            (text + " " * (wide[n] - width(text) + 2) if n < ends else text, key)
            for n, (text, key) in enumerate(row)
            if wide[n]
        ])  # fmt: skip
    return laid
