"""1→1 and 1→100: deliveries a second in a steady state, and the broker's CPU for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench import process
from bench.board import Board, Load
from bench.harness import Metrics, Row
from bench.peers.base import Peer
from bench.peers.mosquitto import Mosquitto
from bench.peers.nats import Nats
from bench.peers.proxy import Proxy
from bench.peers.redis import Redis
from bench.peers.sandpiper import Sandpiper
from bench.run import running
from bench.workloads.base import BrokerExperiment

CLIENTS = ("library, CURVE", "nats-py", "nats-py, TLS")
"""Fan-out to whole clients, which have more to do than the broker."""


def steady(peer: Peer, folder: Path, load: Load, seconds: float) -> Metrics:
    """Deliveries a second and broker CPU a delivery (µs), between settling and the end. Raises Failed."""
    with running(peer, folder, load) as run:
        run.go()
        count, cpu, at = run.board[Board.DELIVERED], process.cpu_s(peer.pid), time.monotonic()
        run.wait(seconds)
        count = run.board[Board.DELIVERED] - count
        cpu, at = process.cpu_s(peer.pid) - cpu, time.monotonic() - at
        run.finish()
    if not count:
        raise process.Failed("nothing was delivered")
    return {"deliveries": count / at, "cpu": cpu / count * 1e6}


class OneToOne(BrokerExperiment):
    """One publisher, one subscriber, each with the system's own Python client."""

    name = "1→1"
    rows: ClassVar[Sequence[Row]] = (
        Row("1→1, CURVE, Python client", "library, CURVE", "nats-py, TLS", "deliveries", "msg/s", "≥ 1.3"),
        Row("1→1, plain loopback", "plain sockets", "nats-py", "deliveries", "msg/s", "≥ 1.2"),
        Row("1→1, plain loopback", "plain sockets", "redis-py", "deliveries", "msg/s"),
        Row("1→1, plain loopback", "plain sockets", "paho and mosquitto", "deliveries", "msg/s"),
        Row("1→1, CURVE beside plain", "library, CURVE", "nats-py", "deliveries", "msg/s"),
        Row("Durable publish, 1→1", "library, CURVE", "nats-py, JetStream", "deliveries", "msg/s", "≥ 1.5"),
    )

    def peers(self) -> Sequence[Peer]:
        return (
            Sandpiper("library, CURVE"),
            Nats("nats-py, TLS", tls=True),
            Sandpiper("plain sockets", publisher="publish_plain", subscriber="subscribe_plain"),
            Nats("nats-py"),
            Nats("nats-py, JetStream", jetstream=True),
            Redis("redis-py"),
            Mosquitto("paho and mosquitto"),
        )

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        return steady(self.peer(system), folder, Load("", window=2048), seconds)


class FanOut(BrokerExperiment):
    """One publisher, a hundred subscribing connections in one process."""

    name = "1→100"
    connections = 100
    rows: ClassVar[Sequence[Row]] = (
        Row("1→100, plain", "plain SUB", "nats-py", "deliveries", "deliveries/s", "≥ 4"),
        Row("1→100, CURVE", "CURVE SUB", "nats-py, TLS", "deliveries", "deliveries/s", "≥ 2.5"),
        Row("1→100, CURVE, Python clients", "library, CURVE", "nats-py, TLS", "deliveries", "deliveries/s"),
        Row("1→100, plain, counting sockets", "plain SUB", "nats", "deliveries", "deliveries/s"),
        Row("1→100, CURVE, counting sockets", "CURVE SUB", "nats, TLS", "deliveries", "deliveries/s"),
        Row("1→100, broker CPU, plain", "plain SUB", "nats-py", "cpu", "µs/delivery", "≤ 0.5"),
        Row("1→100, broker CPU, CURVE", "CURVE SUB", "nats-py, TLS", "cpu", "µs/delivery", "≤ 0.5"),
        Row("1→100, broker CPU, plain", "plain SUB", "nats", "cpu", "µs/delivery", "≤ 0.5"),
        Row("1→100, broker CPU, CURVE", "CURVE SUB", "nats, TLS", "cpu", "µs/delivery", "≤ 0.5"),
        Row("1→100, broker CPU, plain", "plain SUB", "zmq_proxy", "cpu", "µs/delivery", "≤ 1.3"),
        Row("1→100, broker CPU, CURVE", "CURVE SUB", "zmq_proxy, CURVE", "cpu", "µs/delivery", "≤ 1.1"),
    )

    def peers(self) -> Sequence[Peer]:
        return (
            Sandpiper("plain SUB", publisher="publish_plain", subscriber="subscribe_bare"),
            Proxy("zmq_proxy"),
            Nats("nats", subscriber="bare"),
            Nats("nats-py"),
            Sandpiper("CURVE SUB", subscriber="subscribe_curve"),
            Sandpiper("library, CURVE"),
            Proxy("zmq_proxy, CURVE", curve=True),
            Nats("nats, TLS", tls=True, subscriber="bare"),
            Nats("nats-py, TLS", tls=True),
        )

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        load = Load("", connections=self.connections, window=1024)
        return steady(self.peer(system), folder, load, seconds)


class FanOutPaced(FanOut):
    """The same at a steady rate: every broker has the same work to do, and its CPU can be compared."""

    name = "1→100 paced"
    rate = 1000.0
    rows: ClassVar[Sequence[Row]] = (
        Row("1→100 at 1,000 msg/s, broker CPU", "plain SUB", "nats", "cpu", "µs/delivery", "≤ 0.5"),
        Row("1→100 at 1,000 msg/s, broker CPU", "CURVE SUB", "nats, TLS", "cpu", "µs/delivery", "≤ 0.5"),
        Row("1→100 at 1,000 msg/s, broker CPU", "plain SUB", "zmq_proxy", "cpu", "µs/delivery", "≤ 1.3"),
        Row("1→100 at 1,000 msg/s, broker CPU", "CURVE SUB", "zmq_proxy, CURVE", "cpu", "µs/delivery", "≤ 1.1"),
    )

    def peers(self) -> Sequence[Peer]:
        return [peer for peer in super().peers() if peer.name not in CLIENTS]

    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        load = Load("", connections=self.connections, window=1024, rate=self.rate)
        return steady(self.peer(system), folder, load, seconds)
