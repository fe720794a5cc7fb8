"""A reader that leaves before all is written, as `head` does."""

from __future__ import annotations

import os
from typing import Final, TextIO

UNREAD: Final = 141
"""The exit code then: 128 + SIGPIPE, as of any tool in a shell."""


def forget(stream: TextIO) -> None:
    """Forgets what is still buffered and has no reader, so that its flush at exit does not complain."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)
