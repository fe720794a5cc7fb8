"""Real broker processes and real clients for the socket tests. Everything here waits for an event, with a deadline."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

DEADLINE_S = 20.0


class RunningBroker:
    """`sandpiper broker --port 0 --json`, its ready line and its life."""

    COMMAND = "broker"
    PREFIX: tuple[str, ...] = ()
    """Words before the command, such as a program that sets a limit and becomes it."""

    def __init__(self, data: Path, *options: str, port: int = 0) -> None:
        self.data = data
        self.options = options
        self.start(port)

    def start(self, port: int = 0) -> None:
        """Starts it; returns when it is ready."""
        command = [*self.PREFIX, sys.executable, "-m", "sandpiper.cli", self.COMMAND, "--json", "--port", str(port)]
        home = {"SANDPIPER_HOME": str(self.data.parent / "home")}
        self.process = subprocess.Popen(
            [*command, "--data", str(self.data), *self.options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **home},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, stderr = self.process.communicate(timeout=DEADLINE_S)
            raise RuntimeError(f"the {self.COMMAND} did not start: {stderr.decode()}")
        self.ready: dict[str, Any] = json.loads(line)
        self.host, _, door = self.ready["door"].rpartition(":")
        self.port = int(door)

    @property
    def door(self) -> str:
        """HOST:PORT."""
        return f"{self.host}:{self.port}"

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.communicate(timeout=DEADLINE_S)

    def restart(self) -> None:
        """Another one over the same data, at the same ports."""
        self.start(self.port)

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode

    def memory_bytes(self) -> int:
        """Resident now (Linux)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


class RunningDiscovery(RunningBroker):
    """`sandpiper discovery --port 0 --json`, likewise."""

    COMMAND = "discovery"


@contextmanager
def running(data: Path, *options: str) -> Iterator[RunningBroker]:
    """A broker for the time of a test."""
    broker = RunningBroker(data, *options)
    try:
        yield broker
    finally:
        if broker.process.poll() is None:
            broker.stop()


class Lines:
    """A JSON-lines client on a plain socket."""

    def __init__(self, broker: RunningBroker) -> None:
        self._socket = socket.create_connection((broker.host, broker.port), timeout=DEADLINE_S)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def wait_for(self, seconds: float) -> None:
        """From now on `hear` fails after so many seconds only: for what costs a busy machine long."""
        self._socket.settimeout(seconds)

    def raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def say(self, **message: Any) -> None:
        self.raw(json.dumps(message).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        """The next object; fails after DEADLINE_S, or at the end of the stream."""
        line = self._file.readline()
        assert line, "the broker closed the connection"
        message: dict[str, Any] = json.loads(line)
        return message

    def hear_until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next object of this type and with these fields, passing over others."""
        wanted = {"type": kind, **fields}.items()
        while not wanted <= (message := self.hear()).items():
            pass
        return message

    def at_end(self) -> bool:
        """Whether the broker closes the connection, saying nothing more."""
        return self._file.readline() == b""
