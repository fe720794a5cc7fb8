"""Which boot of the machine this is."""

from __future__ import annotations

import time
from pathlib import Path

_GRAIN_S = 60


def boot_id() -> str:
    """A name of this start of the machine. Linux tells; elsewhere it is the minute of the start."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(round((time.time() - time.monotonic()) / _GRAIN_S))
