"""JSON lines: a burst to a hundred text clients, from its first line sent to its last delivered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench import process
from bench.board import Board, Load
from bench.harness import Metrics, Row
from bench.peers.base import Peer
from bench.peers.ngircd import Ngircd
from bench.peers.sandpiper import Sandpiper
from bench.run import running
from bench.workloads.base import BrokerExperiment

BURST = 10_000


class Lines(BrokerExperiment):
    """The window is what ngircd bears: more unread text, and it hangs up."""

    name = "lines"
    connections = 100
    rows = (
        Row("JSON lines, 1→100 in a burst", "JSON lines", "ngircd", "deliveries", "deliveries/s", "≥ 2"),
        Row("JSON lines, 1→100, broker CPU", "JSON lines", "ngircd", "cpu", "µs/delivery"),
    )

    def peers(self) -> Sequence[Peer]:
        return (
            Sandpiper("JSON lines", publisher="publish_lines", subscriber="subscribe_lines"),
            Ngircd("ngircd"),
        )

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        peer = self.peer(system)
        load = Load("", connections=self.connections, window=256, messages=BURST)
        with running(peer, folder, load) as run:
            cpu, began = process.cpu_s(peer.pid), time.monotonic()
            run.board[Board.GO] = 1
            run.wait_for_all(BURST)
            took, cpu = time.monotonic() - began, process.cpu_s(peer.pid) - cpu
            run.finish()
        deliveries = BURST * self.connections
        return {"deliveries": deliveries / took, "cpu": cpu / deliveries * 1e6}
