"""One run of one system: broker, subscriber and publisher processes, and the board between them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles

from bench import process
from bench.board import Board, Load
from bench.peers.base import Peer
from bench.process import Failed

SETTLE_S = 0.5
"""A run's first half second is not counted: connections, first allocations."""
STALL_S = 5.0
"""No delivery for this long at the end, and some are missing: they were dropped."""


@dataclass(slots=True)
class Run:
    """A run under way: everyone is connected, nobody has sent yet."""

    load: Load
    board: Board
    log: Path
    clients: list[subprocess.Popen[bytes]]

    def go(self) -> None:
        """Lets the publisher send, and returns after the settling time. Raises Failed."""
        self.board[Board.GO] = 1
        self.wait(SETTLE_S)

    def wait(self, seconds: float) -> None:
        """Lets time pass. Raises Failed if a client fails meanwhile."""
        until = time.monotonic() + seconds
        process.wait_until(lambda: time.monotonic() >= until, "time", self.clients, self.log, seconds + 5)

    def finish(self) -> None:
        """Stops the publisher, and the rest once all it sent is delivered. Raises Failed if some was not."""
        self.board[Board.GO] = 2
        process.wait_until(lambda: self.board[Board.DONE] == 1, "the publisher's end", self.clients, self.log)
        self.wait_for_all(self.board[Board.SENT])
        self.board[Board.OVER] = 1
        for client in self.clients:
            try:
                client.wait(STALL_S)
            except subprocess.TimeoutExpired:
                raise Failed(f"a client did not end{process.tail(self.log)}") from None

    def wait_for_all(self, messages: int) -> None:
        """Returns once so many messages have reached every connection. Raises Failed."""
        due = messages * self.load.connections
        seen = self.board[Board.DELIVERED]
        since = time.monotonic()
        while (delivered := self.board[Board.DELIVERED]) != due:
            if delivered != seen:
                seen, since = delivered, time.monotonic()
            if delivered > due or time.monotonic() - since > STALL_S:
                raise Failed(f"{delivered} deliveries instead of {due}{process.tail(self.log)}")
            time.sleep(0.0002)


@contextmanager
def running(peer: Peer, folder: Path, load: Load) -> Iterator[Run]:
    """Starts everything, and ends it whatever happens. Raises Failed."""
    load = replace(load, board=str(folder / "board"), latencies=str(folder / "latencies") if load.latencies else "")
    log = folder / "run.log"
    board = Board.make(Path(load.board))
    clients: list[subprocess.Popen[bytes]] = []
    try:
        peer.start(folder)
        clients.append(peer.subscribing(load, log))
        process.wait_until(lambda: board[Board.READY] >= load.connections, "subscribers", clients, log)
        clients.append(peer.publishing(load, log))
        process.wait_until(lambda: bool(board[Board.PUBLISHER]), "the publisher", clients, log)
        yield Run(load, board, log, clients)
    finally:
        board[Board.OVER] = 1
        for client in clients:
            process.stop(client)
        peer.stop()


def percentiles(file: str) -> tuple[float, float]:
    """p50 and p99 of a subscriber's latencies, seconds. Raises Failed."""
    latencies = json.loads(Path(file).read_text())
    if len(latencies) < 100:
        raise Failed(f"only {len(latencies)} latencies")
    cuts = quantiles(latencies, n=100)
    return cuts[49], cuts[98]
