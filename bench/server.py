"""`python -m bench.server`: the server-mode table of docs/benchmarks.md."""

from __future__ import annotations

from bench import command
from bench.harness import Experiment
from bench.workloads.idle import Idle
from bench.workloads.latency import Latency
from bench.workloads.lines import Lines
from bench.workloads.startup import Startup
from bench.workloads.throughput import FanOut, FanOutPaced, OneToOne

EXPERIMENTS: tuple[type[Experiment], ...] = (OneToOne, FanOut, FanOutPaced, Latency, Idle, Lines, Startup)


def main() -> None:
    """Measures, prints the table, and writes what it is asked to."""
    chosen = command.options("server", __doc__, [experiment.name for experiment in EXPERIMENTS])
    command.show("server", command.compare(EXPERIMENTS, chosen), chosen)


if __name__ == "__main__":
    main()
