"""The mesh as it grows: what each member costs and feels, with 2 to 50 of them on one machine."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any, Final

from bench import process
from bench.board import Board
from bench.harness import Experiment, Metrics, Samples
from bench.peers.between import Between
from bench.peers.crowd import Crowd

SIZES: Final = (2, 5, 10, 20, 50)
RATE: Final = 20.0
"""Messages a second, all from one member."""
LIMIT_S: Final = 30.0
SETTLE_S: Final = 2.0
ESTABLISHED: Final = "01"
HEAD: Final = (
    "| members | in the room | first message | reaches all | latency p50 | p99 | CPU, silent | CPU, 20 msg/s | "
    "CPU of who speaks | memory each | connections each |",
    "| --- " * 11 + "|",
)


class Mesh(Experiment):
    """A system is a number of members."""

    name = "mesh"
    rows = ()

    def systems(self) -> Sequence[str]:
        return [str(size) for size in SIZES]

    def missing(self, system: str) -> str | None:
        return Between(system).missing()

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        crowd = Crowd(folder, int(system), RATE)
        try:
            crowd.start()
            _enter(crowd)
            time.sleep(SETTLE_S)
            silent = _cpu(crowd, seconds)
            crowd.boards[0][Board.RECORD] = 1
            time.sleep(SETTLE_S / 2)
            busy = _cpu(crowd, seconds)
            crowd.boards[0][Board.RECORD] = 0
            time.sleep(SETTLE_S / 2)  # what is under way arrives
            pids = [each.pid for each in crowd.processes]
            memory = mean(process.resident_bytes(pid) for pid in pids)
            connections = mean(_connections(pid) for pid in pids)
        finally:
            crowd.stop()
        return {
            **_felt(crowd),
            "silent": mean(silent) / seconds * 100,
            "busy": mean(busy[1:]) / seconds * 100,
            "speaker": busy[0] / seconds * 100,
            "memory": memory / 2**20,
            "connections": connections,
        }


def _enter(crowd: Crowd) -> None:
    """One after the other, each when the one before reaches everybody. Raises Failed."""
    for number, board in enumerate(crowd.boards):
        board[Board.GO] = 1
        crowd.wait(board, Board.READY, f"member {number} in the room", LIMIT_S)
        crowd.wait(board, Board.DONE, f"member {number} to hear of what was said before", LIMIT_S)


def _cpu(crowd: Crowd, seconds: float) -> list[float]:
    """What each process uses in that time."""
    before = [process.cpu_s(each.pid) for each in crowd.processes]
    began = time.monotonic()
    time.sleep(seconds)
    took = (time.monotonic() - began) / seconds
    return [(process.cpu_s(each.pid) - cpu) / took for each, cpu in zip(crowd.processes, before, strict=True)]


def _felt(crowd: Crowd) -> Metrics:
    notes: list[dict[str, Any]] = [json.loads(file.read_text()) for file in crowd.notes if file.exists()]
    joined = notes[1:]
    latencies = [each for one in joined for each in one["latencies"]]
    if len(notes) < len(crowd.notes) or len(latencies) < 20:
        raise process.Failed(f"{len(notes)} members ended well, {len(latencies)} latencies{process.tail(crowd.log)}")
    heard = {len(one["latencies"]) for one in joined}
    if len(heard) != 1:
        raise process.Failed(f"not all heard the same: {sorted(heard)} messages")
    cuts = quantiles(latencies, n=100)
    return {
        "p50": cuts[49] * 1e3,
        "p99": cuts[98] * 1e3,
        **{name: median(one[name] for one in joined) * 1e3 for name in ("entered", "first", "direct")},
    }


def _connections(pid: int) -> int:
    """Its TCP connections that stand."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(link))
        except OSError:  # closed meanwhile
            continue
    count = 0
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            count += fields[3] == ESTABLISHED and f"socket:[{fields[9]}]" in inodes
    return count


def table(samples: Samples, notes: dict[str, str]) -> str:
    """The Markdown table of medians, and below it what failed."""
    lines = [*HEAD]
    for size, rounds in samples.items():
        good = [each for each in rounds if each is not None]
        if not good:
            continue
        middle = {name: median(each[name] for each in good) for name in good[0]}
        cells = [f"{middle[name]:.0f} ms" for name in ("entered", "first", "direct")]
        cells += [f"{middle[name]:.2f} ms" for name in ("p50", "p99")]
        cells += [f"{middle[name]:.1f} %" for name in ("silent", "busy", "speaker")]
        cells += [f"{middle['memory']:.0f} MiB", f"{middle['connections']:.0f}"]
        lines.append(f"| {size} | {' | '.join(cells)} |")
    if notes:
        lines += ["", "Not measured, or not in every round:", "", *(f"- {note}" for note in notes.values())]
    return "\n".join(lines)
