"""The job that this process is part of, as a shell sees it: all that one line started."""

from __future__ import annotations

import os
import signal


def in_front() -> bool:
    """Whether the terminal is this job's."""
    try:
        return os.name == "posix" and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:  # no terminal, or not the one that we belong to
        return False


def stop_job() -> None:
    """Stops it, as the terminal would by Ctrl+Z: a `make` or a script that waits for this process would keep the shell
    from its prompt otherwise.
    """
    os.killpg(0, signal.SIGTSTP)
