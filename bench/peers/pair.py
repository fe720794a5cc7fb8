"""Two commands, one of which makes a code and says something that the other, given the code, shows."""

from __future__ import annotations

import re
import select
import subprocess
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.peers.base import Peer
from bench.process import Failed, stop, tail

SAID: Final = "here is a line that both of us see"
PATIENCE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Ways:
    """The two command lines, the second without the code; what the first reads; the code in what it prints."""

    first: Sequence[str]
    second: Sequence[str]
    code: re.Pattern[bytes]
    typed: bytes = b""
    environment: dict[str, str] = field(default_factory=dict)


class Pair(Peer):
    """Something with a server in between where two meet."""

    @abstractmethod
    def ways(self) -> Ways:
        """Once it runs: how the two are started."""


def meet(ways: Ways, log: Path) -> tuple[float, float]:
    """Seconds from the first command's start to the text at the second, and from the second's. Raises Failed."""
    first = second = None
    began = time.monotonic()
    try:
        first = _start(ways.first, ways, log)
        first.stdin.write(ways.typed)  # type: ignore[union-attr]
        first.stdin.flush()  # type: ignore[union-attr]
        code = _await(first, ways.code, log)
        coded = time.monotonic()
        second = _start([*ways.second, code.decode()], ways, log)
        _await(second, re.compile(b"(" + SAID.encode() + b")"), log)
        shown = time.monotonic()
    finally:
        for process in (first, second):
            stop(process)
    return shown - began, shown - coded


def _start(words: Sequence[str], ways: Ways, log: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ways.environment, bufsize=0
    )


def _await(process: subprocess.Popen[bytes], wanted: re.Pattern[bytes], log: Path) -> bytes:
    """What the pattern's group matches in the output, as soon as it is there. Raises Failed."""
    output = process.stdout
    assert output is not None
    deadline = time.monotonic() + PATIENCE_S
    said = b""
    while (found := wanted.search(said)) is None:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([output], [], [], left)[0]:
            raise Failed(f"{process.args!r} did not get there: {said[-200:]!r}{tail(log)}")
        more = output.read(65536)
        if not more:
            raise Failed(f"{process.args!r} ended: {said[-200:]!r}{tail(log)}")
        said += more
    return found[1]
