"""Processes: starting and ending them, their CPU time and memory from /proc, free ports, file limits."""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.board import Load

READY_S: Final = 15.0
_TICK: Final = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A run that gave no number; the text says why."""


def allow_files(count: int) -> None:
    """Raises this process's limit on open files, and so that of its children. Raises Failed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < count:
        raise Failed(f"only {hard} open files are allowed, {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def free_port() -> int:
    """A TCP port that was free a moment ago, for systems that cannot choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(command: Sequence[str | Path], log: Path, *, stdout: int | None = None) -> subprocess.Popen[bytes]:
    """A process with its output in `log` (stderr alone if `stdout` is given)."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=stdout or file, stderr=file
        )


def client(module: str, role: str, where: dict[str, Any], load: Load, log: Path) -> subprocess.Popen[bytes]:
    """A client process."""
    plan = json.dumps({"where": where, "load": load.arguments()})
    return start([sys.executable, "-m", "bench.role", module, role, plan], log)


def stop(process: subprocess.Popen[bytes] | None, patience_s: float = 5.0) -> None:
    """Ends a process: asked first, then killed."""
    if process is None:
        return
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def first_line(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    """The JSON object on the first line of a process's stdout. Raises Failed."""
    if process.stdout is None or not select.select([process.stdout], [], [], READY_S)[0]:
        raise Failed(f"no ready line within {READY_S:.0f} s{tail(log)}")
    line = process.stdout.readline()
    if not line:
        raise Failed(f"ended at once{tail(log)}")
    try:
        ready: dict[str, Any] = json.loads(line)
    except ValueError:
        raise Failed(f"not a ready line: {line[:200]!r}") from None
    return ready


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once something listens there. Raises Failed."""

    def listening() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    wait_until(listening, "listening", [process], log)


def wait_until(
    ready: Callable[[], bool],
    what: str,
    processes: Sequence[subprocess.Popen[bytes]],
    log: Path,
    limit_s: float = READY_S,
) -> None:
    """Polls every millisecond. Raises Failed when the time is up, or one of the processes has failed."""
    deadline = time.monotonic() + limit_s
    while not ready():
        for process in processes:
            if process.poll():
                raise Failed(f"a process ended while waiting for: {what}{tail(log)}")
        if time.monotonic() > deadline:
            raise Failed(f"not within {limit_s:.0f} s: {what}{tail(log)}")
        time.sleep(0.001)


def tail(log: Path) -> str:
    """The last line of a log, to be put behind an error."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return f" ({lines[-1].strip()})" if lines else ""


def cpu_s(pid: int) -> float:
    """User and system seconds of a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
