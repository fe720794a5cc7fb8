"""Reasons of an OSError, in the system's own words: asyncio puts addresses in their place."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")
_OWN_WORDS: Final = ("Connect call failed", "error while attempting to bind", "Multiple exceptions")


def reason(error: OSError) -> str:
    """In one clause, such as `Connection refused`; of several attempts the first one's."""
    words = error.strerror or str(error)
    if not words.startswith(_OWN_WORDS):
        return words
    if isinstance(error, ConnectionRefusedError):
        return "Connection refused"  # as POSIX says it; Windows' number says nothing to os.strerror
    number = error.errno
    if number is None and (found := _NUMBER.search(words)):
        number = int(found[1])
    return words if number is None or number not in errno.errorcode else os.strerror(number)
