"""Experiments: every system once a round, in turn; medians over the rounds; rows that compare two of them.

Rounds alternate the systems, and a row's ratio is the median of each round's ratio: what disturbs the machine
for some seconds disturbs both sides.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import ClassVar

from bench.process import Failed

Metrics = dict[str, float]
Samples = dict[str, list["Metrics | None"]]
"""Of each system, what each round gave; None where it gave nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: our `metric` beside the peer's. `goal` is like "≥ 1.3" or "≤ 0.5", or empty.

    With `absolute` the goal is about our own number, not about the ratio; with `worst` the largest number of all rounds
    counts, not the median.
    """

    workload: str
    ours: str
    peer: str
    metric: str
    unit: str
    goal: str = ""
    scale: float = 1.0
    absolute: bool = False
    worst: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row with its numbers: `mine` and `theirs` are medians in its unit, None where a side gave none."""

    row: Row
    mine: float | None
    theirs: float | None
    ratio: float | None
    ratios: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without a goal or a number."""
        value = self.mine if self.row.absolute else self.ratio
        if not self.row.goal or value is None:
            return None
        sign, bound = self.row.goal.split()
        return value >= float(bound) if sign == "≥" else value <= float(bound)


class Experiment(ABC):
    """What some systems are made to do, a few seconds each."""

    name: ClassVar[str]
    rows: ClassVar[Sequence[Row]]

    @abstractmethod
    def systems(self) -> Sequence[str]:
        """The systems' names."""

    @abstractmethod
    def missing(self, system: str) -> str | None:
        """Why a system cannot take part."""

    @abstractmethod
    def measure(self, system: str, folder: Path, seconds: float) -> Metrics:
        """One run in an empty folder. Raises Failed."""


def conduct(experiment: Experiment, rounds: int, seconds: float) -> list[Outcome]:
    """All rounds of an experiment, and its rows."""
    samples, notes = sample(experiment, rounds, seconds)
    return [_outcome(row, samples, notes) for row in experiment.rows]


def sample(experiment: Experiment, rounds: int, seconds: float) -> tuple[Samples, dict[str, str]]:
    """All rounds of an experiment; and of the systems that took no part, or failed, why."""
    samples: Samples = {system: [] for system in experiment.systems()}
    notes: dict[str, str] = {}
    for number in range(rounds):
        for system in _turn(list(samples), number):
            samples[system].append(_attempt(experiment, system, seconds, notes))
    return samples, notes


def _turn(systems: list[str], number: int) -> list[str]:
    """Every other round backwards, so that nobody always comes first."""
    return systems[::-1] if number % 2 else systems


def _attempt(experiment: Experiment, system: str, seconds: float, notes: dict[str, str]) -> Metrics | None:
    reason = experiment.missing(system)
    if reason:
        notes[system] = f"{system}: {reason}"
        return None
    with tempfile.TemporaryDirectory(prefix="sandpiper-bench-") as folder:
        try:
            metrics = experiment.measure(system, Path(folder), seconds)
        except (Failed, OSError, subprocess.SubprocessError) as error:
            notes[system] = f"{system}: {error}"
            _progress(f"{experiment.name} · {system}: {error}")
            return None
    values = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    _progress(f"{experiment.name} · {system}: {values}")
    return metrics


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _outcome(row: Row, samples: Samples, notes: dict[str, str]) -> Outcome:
    mine, theirs = ([_value(row, sample) for sample in samples[side]] for side in (row.ours, row.peer))
    ratios = [a / b for a, b in zip(mine, theirs, strict=True) if a is not None and b]
    said = [notes[side] for side in (row.ours, row.peer) if side in notes]
    middle = _worst if row.worst else _median
    return Outcome(row, middle(mine), middle(theirs), median(ratios) if ratios else None, ratios, "; ".join(said))


def _value(row: Row, sample: Metrics | None) -> float | None:
    return None if sample is None or row.metric not in sample else sample[row.metric] * row.scale


def _worst(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _median(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return median(present) if present else None
