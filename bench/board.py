"""The board: a few counters in shared memory, between the harness and a run's client processes.

It paces publishers by what subscribers have counted, the same way for every system and at no cost to its
wire, and it shows afterwards whether anything was dropped.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

PAYLOAD_BYTES: Final = 100
MARK: Final = b"|"
"""Exactly once in every payload: a byte stream's deliveries can be counted without parsing it."""
CONSTANT: Final = (MARK + b"0" * 19).ljust(PAYLOAD_BYTES, b"x")
STEP: Final = 64
"""Messages a publisher sends before it looks at the board, and lets its event loop run, again."""
NAP_S: Final = 0.0005
"""How long a publisher whose window is full waits; a window lasts tens of milliseconds."""
LOOK_S: Final = 0.02
"""How often a subscriber that waits looks whether the run is over."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run asks of its client processes.

    `rate` is messages a second, 0 for as fast as the window allows; with a rate, each payload holds its time
    of sending.
    """

    board: str
    connections: int = 1
    window: int = 2048
    rate: float = 0.0
    messages: int = 0
    """Publish so many and no more; 0 for until the run is over."""
    latencies: str = ""
    """File to which the subscriber writes its latencies (s) as a JSON list."""

    def arguments(self) -> dict[str, Any]:
        """As JSON can carry it."""
        return asdict(self)


class Board:
    """Nine 64-bit numbers in a file that all processes of a run map.

    GO is 0 before the start, 1 while the publisher may send, 2 when it shall stop; OVER ends the subscribers;
    BEGAN is when they began to connect (monotonic ns).
    """

    READY, PUBLISHER, GO, OVER, SENT, DELIVERED, RECORD, DONE, BEGAN = range(9)

    def __init__(self, path: str | Path) -> None:
        with Path(path).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 128)
        self.cells = memoryview(self._map).cast("q")

    @classmethod
    def make(cls, path: Path) -> Board:
        """A new board, all zero."""
        path.write_bytes(bytes(128))
        return cls(path)

    def __getitem__(self, cell: int) -> int:
        return self.cells[cell]

    def __setitem__(self, cell: int, value: int) -> None:
        self.cells[cell] = value


class Pace:
    """A publisher's side of the board: how many messages it may send now."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._cells = Board(load.board).cells
        self._sent = 0
        self._began = 0.0

    @property
    def over(self) -> bool:
        """Whether the run is over, for the subscribers too."""
        return bool(self._cells[Board.OVER])

    def ready(self) -> None:
        """The publisher is connected."""
        self._cells[Board.PUBLISHER] = 1

    def allowance(self) -> int:
        """Messages to send before asking again; 0: rest for `nap()` first; -1: the run is over."""
        cells, load = self._cells, self._load
        if cells[Board.OVER] or cells[Board.GO] > 1 or (load.messages and self._sent == load.messages):
            return -1
        if not cells[Board.GO]:
            return 0
        free = load.window - (self._sent - cells[Board.DELIVERED] // load.connections)
        if load.messages:
            free = min(free, load.messages - self._sent)
        if load.rate:
            self._began = self._began or time.monotonic()
            free = min(free, int((time.monotonic() - self._began) * load.rate) - self._sent)
        return max(0, min(free, STEP))

    def nap(self) -> float:
        """Seconds to rest."""
        if not self._load.rate or not self._began:
            return NAP_S
        return max(0.0, self._began + (self._sent + 1) / self._load.rate - time.monotonic())

    def payload(self) -> bytes:
        """The next message."""
        if not self._load.rate:
            return CONSTANT
        return (b"%b%019d" % (MARK, time.monotonic_ns())).ljust(PAYLOAD_BYTES, b"x")

    def sent(self, count: int) -> None:
        """So many have been sent."""
        self._sent += count
        self._cells[Board.SENT] = self._sent

    def done(self) -> None:
        """All is sent and flushed."""
        self._cells[Board.DONE] = 1


class Tally:
    """A subscriber's side of the board."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._cells = Board(load.board).cells
        self._latencies: list[float] = []

    @property
    def over(self) -> bool:
        """Whether the run is over."""
        return bool(self._cells[Board.OVER])

    def begin(self) -> None:
        """The first connection is about to be made."""
        self._cells[Board.BEGAN] = time.monotonic_ns()

    def ready(self, connections: int = 1) -> None:
        """So many more connections are subscribed."""
        self._cells[Board.READY] += connections

    def add(self, count: int) -> None:
        """So many deliveries."""
        self._cells[Board.DELIVERED] += count

    def take(self, payload: bytes | str) -> None:
        """One delivery, its latency noted if that is asked for."""
        cells = self._cells
        cells[Board.DELIVERED] += 1
        if cells[Board.RECORD]:
            self._latencies.append((time.monotonic_ns() - int(payload[1:20])) / 1e9)

    async def until_over(self) -> None:
        """Waits while others receive."""
        while not self.over:  # noqa: ASYNC110  # the flag is another process's: there is no event to wait for
            await asyncio.sleep(LOOK_S)

    def finish(self) -> None:
        """Writes the latencies, if there is a file for them."""
        if self._load.latencies:
            Path(self._load.latencies).write_text(json.dumps(self._latencies))
