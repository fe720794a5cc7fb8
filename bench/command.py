"""What the commands of this folder have in common: their options, measuring what is chosen, keeping the numbers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import report
from bench.harness import Experiment, Outcome, conduct

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def options(
    command: str, doc: str | None, names: Sequence[str], arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """The command line; `rounds` and `seconds` are set in any case."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{command}", description=doc)
    parser.add_argument("--quick", action="store_true", help="one round of one second: does it run?")
    known = ", ".join(f'"{name}"' for name in names)
    parser.add_argument("--only", action="append", metavar="NAME", help=f"one of {known}; may be repeated")
    parser.add_argument("--rounds", type=int, help="rounds (default 5)")
    parser.add_argument("--seconds", type=float, help="seconds a run (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here, as they come")
    parser.add_argument("--write", action="store_true", help=f"put the table into docs/{PAGE.name}")
    chosen = parser.parse_args(arguments)
    if sys.platform != "linux":
        parser.error("the benchmarks read CPU time and memory from /proc: they run on Linux only")
    unknown = [name for name in chosen.only or () if name not in names]
    if unknown:
        parser.error(f"no experiment {unknown[0]!r}; there are {known}")
    if chosen.write and chosen.only:
        parser.error("--write takes the whole table, not parts of it")
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (1.0 if chosen.quick else 3.0)
    return chosen


def compare(experiments: Sequence[type[Experiment]], chosen: argparse.Namespace) -> str:
    """Measures those of them that are chosen; the conditions and the table."""
    how = report.conditions(chosen.rounds, chosen.seconds)
    outcomes: list[Outcome] = []
    for experiment in experiments:
        if not chosen.only or experiment.name in chosen.only:
            outcomes += conduct(experiment(), chosen.rounds, chosen.seconds)
            if chosen.json:
                report.save(chosen.json, how, outcomes)
    return f"{report.sentence(how)}\n\n{report.table(outcomes)}"


def show(name: str, text: str, chosen: argparse.Namespace) -> None:
    """Prints a table, and puts it into the page if that is asked for."""
    print(text)
    if chosen.write:
        report.insert(PAGE, name, text)
