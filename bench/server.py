"""`python -m bench.server`: the server-mode table of docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import report
from bench.harness import Experiment, Outcome, conduct
from bench.workloads.idle import Idle
from bench.workloads.latency import Latency
from bench.workloads.lines import Lines
from bench.workloads.startup import Startup
from bench.workloads.throughput import FanOut, FanOutPaced, OneToOne

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
EXPERIMENTS: tuple[type[Experiment], ...] = (OneToOne, FanOut, FanOutPaced, Latency, Idle, Lines, Startup)


def main() -> None:
    """Measures, prints the table, and writes what it is asked to."""
    if sys.platform != "linux":
        raise SystemExit("the benchmarks read CPU time and memory from /proc: they run on Linux only")
    options = _options()
    rounds, seconds = (1, 1.0) if options.quick else (5, 3.0)
    rounds, seconds = options.rounds or rounds, options.seconds or seconds
    how = report.conditions(rounds, seconds)
    outcomes: list[Outcome] = []
    for experiment in _chosen(options.only):
        outcomes += conduct(experiment(), rounds, seconds)
        if options.json:
            report.save(options.json, how, outcomes)
    text = f"{report.sentence(how)}\n\n{report.table(outcomes)}"
    print(text)
    if options.write:
        report.insert(PAGE, "server", text)


def _options() -> argparse.Namespace:
    names = ", ".join(f'"{experiment.name}"' for experiment in EXPERIMENTS)
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of one second: does it run?")
    parser.add_argument("--only", action="append", metavar="NAME", help=f"one of {names}; may be repeated")
    parser.add_argument("--rounds", type=int, help="rounds (default 5)")
    parser.add_argument("--seconds", type=float, help="seconds a run (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here, as they come")
    parser.add_argument("--write", action="store_true", help=f"put the table into docs/{PAGE.name}")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write takes the whole table, not parts of it")
    return options


def _chosen(names: Sequence[str] | None) -> list[type[Experiment]]:
    known = {experiment.name: experiment for experiment in EXPERIMENTS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise SystemExit(f"no experiment {unknown[0]!r}; there are {', '.join(known)}")
    return [experiment for name, experiment in known.items() if not names or name in names]


if __name__ == "__main__":
    main()
