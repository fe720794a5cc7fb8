"""`python -m bench.p2p`: the tables of docs/benchmarks.md about rooms between peers."""

from __future__ import annotations

from bench import command
from bench.harness import Experiment, sample
from bench.workloads import mesh
from bench.workloads.between import MemberLatency, OneToOneMember, OneToTenMembers
from bench.workloads.first import FirstMessage

EXPERIMENTS: tuple[type[Experiment], ...] = (OneToOneMember, OneToTenMembers, MemberLatency, FirstMessage)


def main() -> None:
    """Measures, prints the tables, and writes what it is asked to."""
    chosen = command.options("p2p", __doc__, [*(each.name for each in EXPERIMENTS), mesh.Mesh.name])
    if not chosen.only or chosen.only != [mesh.Mesh.name]:
        command.show("p2p", command.compare(EXPERIMENTS, chosen), chosen)
    if not chosen.only or mesh.Mesh.name in chosen.only:
        command.show("mesh", mesh.table(*sample(mesh.Mesh(), chosen.rounds, chosen.seconds)), chosen)


if __name__ == "__main__":
    main()
