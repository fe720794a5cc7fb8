"""Rooms between peers beside bare PUB and SUB sockets with CURVE: deliveries a second, and latency at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench import process
from bench.board import Board, Load
from bench.harness import Metrics, Row
from bench.peers.bare import Bare
from bench.peers.base import Peer
from bench.peers.between import Between
from bench.run import percentiles, running
from bench.workloads.base import BrokerExperiment

OURS, BARE = "members", "PUB/SUB, CURVE"


class Members(BrokerExperiment):
    """One member posts, others hear; no broker is between them, and their CPU is all there is."""

    connections: ClassVar[int]

    def peers(self) -> Sequence[Peer]:
        return Between(OURS), Bare(BARE)

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        load = Load("", connections=self.connections, window=2048)
        with running(self.peer(system), folder, load) as run:
            run.go()
            pids = [client.pid for client in run.clients]
            count, at = run.board[Board.DELIVERED], time.monotonic()
            cpu = [process.cpu_s(pid) for pid in pids]
            run.wait(seconds)
            count, at = run.board[Board.DELIVERED] - count, time.monotonic() - at
            hearing, saying = (process.cpu_s(pid) - before for pid, before in zip(pids, cpu, strict=True))
            run.finish()
        if not count:
            raise process.Failed("nothing was delivered")
        return {"deliveries": count / at, "hearing": hearing / count * 1e6, "saying": saying / count * 1e6}


class OneToOneMember(Members):
    """1→1."""

    name = "P2P 1→1"
    connections = 1
    rows = (
        Row("P2P sealed and signed, 1→1", OURS, BARE, "deliveries", "msg/s", "≥ 0.5"),
        Row("P2P, 1→1, CPU of who says it", OURS, BARE, "saying", "µs/message"),
        Row("P2P, 1→1, CPU of who hears it", OURS, BARE, "hearing", "µs/message"),
    )


class OneToTenMembers(Members):
    """1→10, the ten in one process."""

    name = "P2P 1→10"
    connections = 10
    rows = (
        Row("P2P sealed and signed, 1→10", OURS, BARE, "deliveries", "deliveries/s", "≥ 0.5"),
        Row("P2P, 1→10, CPU of who says it", OURS, BARE, "saying", "µs/delivery"),
        Row("P2P, 1→10, CPU of who hears it", OURS, BARE, "hearing", "µs/delivery"),
    )


class MemberLatency(BrokerExperiment):
    """From before posting to after it is heard, on one clock."""

    name = "P2P latency"
    rows = (
        Row("P2P latency at 1,000 msg/s, p50", OURS, BARE, "p50", "µs", scale=1e6),
        Row("P2P latency at 1,000 msg/s, p99", OURS, BARE, "p99", "µs", scale=1e6),
    )

    def peers(self) -> Sequence[Peer]:
        return Between(OURS), Bare(BARE)

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        load = Load("", rate=1000.0, window=10_000, latencies="here")
        with running(self.peer(system), folder, load) as run:
            run.go()
            run.board[Board.RECORD] = 1
            run.wait(seconds)
            run.finish()
            p50, p99 = percentiles(run.load.latencies)
        return {"p50": p50, "p99": p99}
