"""How long a command takes, beside the interpreter that does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.harness import Experiment, Metrics, Row
from bench.peers.sandpiper import Sandpiper, command
from bench.process import Failed

NOTHING = "python -c pass"
VERSION = "sandpiper --version"
SAY = "sandpiper say"


class Startup(Experiment):
    """Wall time of a process, from start to end."""

    name = "startup"
    rows = (
        Row("`sandpiper --version`", VERSION, NOTHING, "seconds", "ms", "≤ 5", 1e3),
        Row("`sandpiper say` until stored, broker running", SAY, NOTHING, "seconds", "ms", "≤ 15", 1e3),
    )

    def systems(self) -> Sequence[str]:
        return NOTHING, VERSION, SAY

    def missing(self, system: str) -> str | None:
        return None if system == NOTHING else Sandpiper(system).missing()

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        if system == NOTHING:
            return _timed([sys.executable, "-c", "pass"])
        if system == VERSION:
            return _timed([*command(), "--version"])
        broker = Sandpiper(system)
        broker.start(folder)
        try:
            words = [*command(), "say", f"{broker.where['door']}/lobby", "hello", "--nick", "bench"]
            return _timed(words, _home(folder))
        finally:
            broker.stop()


def _home(folder: Path) -> dict[str, str]:
    """An environment in which the user's own identity and pins are left alone."""
    places = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    return {**os.environ, **dict.fromkeys(places, str(folder))}


def _timed(words: Sequence[str], environment: dict[str, str] | None = None, times: int = 5) -> Metrics:
    """The quickest of some runs after one to warm the disk cache. Raises Failed."""
    best = float("inf")
    for number in range(times + 1):
        began = time.monotonic()
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=30, check=False
        )
        if done.returncode:
            raise Failed(done.stderr.decode(errors="replace").strip()[-300:] or f"status {done.returncode}")
        if number:
            best = min(best, time.monotonic() - began)
    return {"seconds": best}
