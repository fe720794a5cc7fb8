"""From a code to the first text that the other shows, beside Magic Wormhole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import process
from bench.board import Board, Load
from bench.harness import Metrics, Row
from bench.peers.between import Between
from bench.peers.pair import Pair, meet
from bench.peers.wormhole import Wormhole
from bench.run import running
from bench.workloads.base import BrokerExperiment

OURS, LIBRARY, WORMHOLE = "sandpiper create, join", "create(), join()", "wormhole send, receive"
LIMIT_S = 20.0


class FirstMessage(BrokerExperiment):
    """A code is made, the other gives it, and sees what was said. Each round it is done some times over."""

    name = "first message"
    rows = (
        Row("Room code to first message, both processes started", LIBRARY, WORMHOLE, "whole", "ms", "≤ 1.0", 1e3),
        Row("Start of the first command to text shown", OURS, WORMHOLE, "whole", "ms", "≤ 1.0", 1e3),
        Row("Start of the second command to text shown", OURS, WORMHOLE, "second", "ms", "", 1e3),
    )

    def peers(self) -> Sequence[Pair]:
        return Between(OURS), Wormhole(WORMHOLE), Between(LIBRARY, publisher="found", subscriber="follow")

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        pair = self.peer(system)
        assert isinstance(pair, Pair)
        if system == LIBRARY:
            return {"whole": _inside(pair, folder)}
        try:
            pair.start(folder)
            whole, second = meet(pair.ways(), folder / "run.log")
        finally:
            pair.stop()
        return {"whole": whole, "second": second}


def _inside(pair: Pair, folder: Path) -> float:
    """Seconds between two processes that are up already, from asking for a code. Raises Failed."""
    with running(pair, folder, Load("")) as run:
        run.board[Board.GO] = 1
        process.wait_until(
            lambda: run.board[Board.DELIVERED] > 0, "the first message", run.clients[1:], run.log, LIMIT_S
        )
        return (run.board[Board.DELIVERED] - run.board[Board.BEGAN]) / 1e9
