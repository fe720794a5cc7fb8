"""What a process costs, from /proc: descriptors, threads, memory, and what it did in a span of time."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from bench.process import cpu_s, resident_bytes


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
    before = {name: (_switches(pid), cpu_s(pid)) for name, pid in pids.items()}
    await asyncio.sleep(seconds)
    return {
        name: Vitals(
            descriptors=len(os.listdir(f"/proc/{pid}/fd")),
            threads=len(os.listdir(f"/proc/{pid}/task")),
            resident=resident_bytes(pid),
            wakeups=(_switches(pid) - before[name][0]) / seconds,
            cpu=(cpu_s(pid) - before[name][1]) / seconds,
        )
        for name, pid in pids.items()
    }


def _switches(pid: int) -> int:
    """How often its threads have gone to sleep and come back: each is one wake-up."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total
