"""5,000 subscribers connect at once and idle: how soon, who is left outside, at what memory, what others feel."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import process
from bench.board import Board, Load
from bench.harness import Metrics, Row
from bench.peers.base import Peer
from bench.peers.nats import Nats
from bench.peers.proxy import Proxy
from bench.peers.sandpiper import Sandpiper
from bench.run import Run, percentiles, running
from bench.workloads.base import BrokerExperiment

LIMIT_S = 60.0
RATE = 1000.0
"""Of the pair beside the crowd, messages a second: the crowd may be in after half a second."""


class Idle(BrokerExperiment):
    """A pair that sends messages at a steady rate, library to library, and the crowd beside it."""

    name = "5,000 idle"
    connections = 5000
    rows = (
        Row("5,000 idle connections, all in", "CURVE", "nats", "all_in", "s", "≤ 5.0", absolute=True),
        Row(
            "5,000 idle connections, all in, worst round",
            "CURVE",
            "nats",
            "all_in",
            "s",
            "≤ 10",
            absolute=True,
            worst=True,
        ),
        Row(
            "5,000 idle connections, left outside after a minute, worst round",
            "CURVE",
            "nats",
            "outside",
            "",
            "≤ 0",
            absolute=True,
            worst=True,
        ),
        Row("5,000 idle connections, memory each", "CURVE", "nats", "memory", "KiB", "≤ 0.9", 1 / 1024),
        Row("5,000 idle connections, others' p99", "CURVE", "nats", "p99", "ms", "≤ 200", 1e3, absolute=True),
        Row("5,000 idle connections, all in", "CURVE", "zmq_proxy, CURVE", "all_in", "s"),
        Row(
            "5,000 idle connections, memory each",
            "CURVE",
            "zmq_proxy, CURVE",
            "memory",
            "KiB",
            scale=1 / 1024,
        ),
        Row("5,000 idle connections, others' p99", "CURVE", "zmq_proxy, CURVE", "p99", "ms", "", 1e3),
    )

    def peers(self) -> Sequence[Peer]:
        return (
            Sandpiper("CURVE"),
            Nats("nats"),
            Proxy("zmq_proxy, CURVE", curve=True, subscriber="subscribe_timed"),
        )

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        process.allow_files(3 * self.connections)
        peer = self.peer(system)
        with running(peer, folder, Load("", rate=RATE, window=100_000, latencies="here")) as run:
            run.go()
            before = process.resident_bytes(peer.pid)
            metrics = self._crowd(peer, folder, run, seconds)
            metrics["memory"] = (metrics["memory"] - before) / self.connections
            run.finish()
            _, metrics["p99"] = percentiles(run.load.latencies)
        return metrics

    def _crowd(self, peer: Peer, folder: Path, run: Run, seconds: float) -> Metrics:
        """Seconds from the first connect until all are in, how many are not after LIMIT_S, and the broker's memory
        (bytes) after a rest.
        """
        load = replace(run.load, board=str(folder / "crowd"), connections=self.connections, latencies="")
        board = Board.make(folder / "crowd")
        crowd = peer.subscribing(load, run.log, "crowd")
        try:
            process.wait_until(lambda: board[Board.BEGAN] > 0, "the crowd's start", [crowd], run.log)
            run.board[Board.RECORD] = 1
            deadline = time.monotonic() + LIMIT_S
            process.wait_until(
                lambda: board[Board.READY] >= self.connections or time.monotonic() > deadline,
                "the crowd",
                [crowd],
                run.log,
                LIMIT_S + 5,
            )
            outside = max(self.connections - board[Board.READY], 0)
            took = (time.monotonic_ns() - board[Board.BEGAN]) / 1e9
            run.board[Board.RECORD] = 0
            run.wait(seconds)
            return {"all_in": took, "outside": float(outside), "memory": float(process.resident_bytes(peer.pid))}
        except process.Failed as error:
            raise process.Failed(f"{board[Board.READY]} of {self.connections} came in: {error}") from None
        finally:
            board[Board.OVER] = 1
            process.stop(crowd, patience_s=15)
