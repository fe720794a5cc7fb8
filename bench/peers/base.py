"""What the harness asks of a system."""

from __future__ import annotations

import shutil
import subprocess
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from bench import process
from bench.board import Load


class Peer(ABC):
    """A broker of some kind, to be started afresh for each run.

    The client processes are functions in `module`, called in processes of their own with (where, load):
    `publish`, and `subscribe` or the one that `subscriber` names.
    """

    module: ClassVar[str]

    def __init__(self, name: str, *, publisher: str = "publish", subscriber: str = "subscribe") -> None:
        self.name = name
        self.publisher = publisher
        self.subscriber = subscriber
        self.where: dict[str, Any] = {}
        self.broker: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The broker's process."""
        if self.broker is None:
            raise process.Failed(f"{self.name} is not running")
        return self.broker.pid

    @abstractmethod
    def missing(self) -> str | None:
        """What would have to be installed; None if all is there."""

    @abstractmethod
    def start(self, folder: Path) -> None:
        """Starts the broker with its files in `folder`; `where` is set when it listens. Raises Failed."""

    def stop(self) -> None:
        """Ends the broker."""
        process.stop(self.broker)
        self.broker = None

    def publishing(self, load: Load, log: Path) -> subprocess.Popen[bytes]:
        """A publisher process."""
        return process.client(self.module, self.publisher, self.where, load, log)

    def subscribing(self, load: Load, log: Path, role: str | None = None) -> subprocess.Popen[bytes]:
        """A subscriber process."""
        return process.client(self.module, role or self.subscriber, self.where, load, log)


def lacks(*, programs: tuple[str, ...] = (), modules: tuple[str, ...] = ()) -> str | None:
    """The first of these programs and Python modules that is not installed."""
    for program in programs:
        if program_path(program) is None:
            return f"no program {program}"
    for module in modules:
        if not _importable(module):
            return f"no Python module {module}"
    return None


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a.b, when there is no a
        return False


def program_path(program: str) -> str | None:
    """Where a program is; Debian keeps servers in /usr/sbin, which not every PATH has."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
