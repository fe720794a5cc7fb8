"""`python -m bench.p2p`: the tables of docs/benchmarks.md about rooms between peers."""

from __future__ import annotations

from bench import command
from bench.harness import Experiment
from bench.workloads.between import MemberLatency, OneToOneMember, OneToTenMembers
from bench.workloads.first import FirstMessage

EXPERIMENTS: tuple[type[Experiment], ...] = (OneToOneMember, OneToTenMembers, MemberLatency, FirstMessage)


def main() -> None:
    """Measures, prints the tables, and writes what it is asked to."""
    chosen = command.options("p2p", __doc__, [experiment.name for experiment in EXPERIMENTS])
    command.show("p2p", command.compare(EXPERIMENTS, chosen), chosen)


if __name__ == "__main__":
    main()
