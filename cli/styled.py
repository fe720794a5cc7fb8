"""The border to the terminal of all that is shown in lines: what comes from elsewhere goes through the sanitiser here.

What writes on stdout and stderr takes any text, and sanitises it, unless it is a StyledLine already. So words that
nobody has thought of come out harmless, and a line that was put together past this module shows its own escape
sequences as letters, which its author sees.
"""

from __future__ import annotations

from typing import Final

from sandpiper.common.sanitise import printable

_RESET: Final = "\x1b[0m"


class StyledLine(str):
    """A line that a terminal may be given: its words have been sanitised, and its escape sequences are ours."""

    __slots__ = ()


def one_line(*parts: str) -> StyledLine:
    """Joins parts to one line; those that are no StyledLine are sanitised."""
    return StyledLine("".join(part if isinstance(part, StyledLine) else printable(part) for part in parts))


def in_style(codes: str, *parts: str) -> StyledLine:
    """Joins parts, as `one_line` does, in the style of these SGR codes."""
    begin = f"\x1b[{codes}m"
    return StyledLine(begin + one_line(*parts).replace(_RESET, _RESET + begin) + _RESET)


def shown(text: str) -> str:
    """Returns `text` as it may be written: a StyledLine as it is, anything else sanitised, its line feeds kept."""
    return text if isinstance(text, StyledLine) else printable(text, newlines=True)
