"""Latency at a steady 1,000 messages a second, from before sending to after receiving, library to library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.board import Board, Load
from bench.harness import Metrics, Row
from bench.peers.base import Peer
from bench.peers.nats import Nats
from bench.peers.sandpiper import Sandpiper
from bench.run import percentiles, running
from bench.workloads.base import BrokerExperiment


class Latency(BrokerExperiment):
    """One publisher, one subscriber, one clock."""

    name = "latency"
    rows = (
        Row("Latency at 1,000 msg/s, p50", "library, CURVE", "nats-py, TLS", "p50", "µs", "≤ 1.0", 1e6),
        Row("Latency at 1,000 msg/s, p99", "library, CURVE", "nats-py, TLS", "p99", "µs", "≤ 0.6", 1e6),
    )

    def peers(self) -> Sequence[Peer]:
        return Sandpiper("library, CURVE"), Nats("nats-py, TLS", tls=True)

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        load = Load("", rate=1000.0, window=10_000, latencies="here")
        with running(self.peer(system), folder, load) as run:
            run.go()
            run.board[Board.RECORD] = 1
            run.wait(seconds)
            run.finish()
            p50, p99 = percentiles(run.load.latencies)
        return {"p50": p50, "p99": p99}
