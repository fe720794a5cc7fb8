"""What a command without an event loop prints on stdout: lines for a person, or an object for a program."""

from __future__ import annotations

import sys
from typing import Any

from sandpiper.cli.styled import one_line


def show_lines(*lines: str) -> None:
    """Prints lines, each of which stays one. Raises OSError."""
    sys.stdout.write("".join(f"{one_line(each)}\n" for each in lines))
    sys.stdout.flush()


def show_object(message: Any) -> None:
    """Prints an object as a line of JSON. Raises OSError."""
    from sandpiper.common.lines import encode_line

    sys.stdout.write(encode_line(message).decode())
    sys.stdout.flush()
