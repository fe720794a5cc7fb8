"""What a process costs, from /proc: descriptors, threads, memory, and what it did in a span of time."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from bench.idle import Counts, count
from bench.process import resident_bytes


@dataclass(frozen=True, slots=True)
class Vitals:
    """Of one process. `wakeups` and `cpu` are per second; `resident` is in octets."""

    descriptors: int
    threads: int
    resident: int
    wakeups: float
    cpu: float


async def vitals(pids: dict[str, int], seconds: float) -> dict[str, Vitals]:
    """Of each of these, over a span in which nobody gives them work. Raises OSError when one has ended."""
    before = {name: count(pid) for name, pid in pids.items()}
    await asyncio.sleep(seconds)
    return {name: _since(before[name], pid, seconds) for name, pid in pids.items()}


def _since(before: Counts, pid: int, seconds: float) -> Vitals:
    now = count(pid)
    return Vitals(
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
        threads=len(os.listdir(f"/proc/{pid}/task")),
        resident=resident_bytes(pid),
        wakeups=(sum(now.waked.values()) - sum(before.waked.values())) / seconds,
        cpu=(now.cpu_s - before.cpu_s) / seconds,
    )
