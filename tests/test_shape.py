"""The measures of the source tree: no import circle, nothing too long, and each class name once."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.test_layers import ROOT, all_sources, imports

FILE_LINES: Final = 400
CLASS_LINES: Final = 300
CLASS_METHODS: Final = 30
FUNCTION_LINES: Final = 50
WIRE: Final = {
    "common/control.py",
    "common/legacy.py",
    "common/messages.py",
    "common/p2p/admission.py",
    "common/p2p/deeds.py",
    "common/p2p/membership.py",
    "common/p2p/packets.py",
    "common/rendezvous.py",
}
"""Where a struct bears its name on the wire; another protocol, or a core, may have something of that name too."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def module(path: Path) -> str:
    """The name by which a source file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("sandpiper", *parts)).removesuffix(".__init__")


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def length(node: ast.ClassDef | Definition) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def defined() -> Iterator[tuple[Path, ast.ClassDef | Definition]]:
    for path in all_sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node


def test_no_import_runs_in_a_circle() -> None:
    """Not for a type either, and not where it is lazy."""
    files = {module(path): path for path in all_sources()}
    needs = {
        name: {full if full in files else full.rpartition(".")[0] for _, full in imports(path)} & set(files)
        for name, path in files.items()
    }
    while True:  # takes away what needs nothing that is left
        done = {name for name, others in needs.items() if not (others - {name}) & set(needs)}
        if not done:
            break
        needs = {name: others for name, others in needs.items() if name not in done}
    assert sorted(needs) == []


def test_nothing_is_too_long() -> None:
    wrong = [names(path) for path in all_sources() if len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES]
    for path, node in defined():
        if isinstance(node, ast.ClassDef):
            methods = sum(isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) for each in node.body)
            if length(node) > CLASS_LINES or methods > CLASS_METHODS:
                wrong.append(f"{names(path)}: {node.name}, {length(node)} lines, {methods} methods")
        elif length(node) > FUNCTION_LINES:
            wrong.append(f"{names(path)}: {node.name}, {length(node)} lines")
    assert wrong == []


def test_a_class_name_means_one_class() -> None:
    places: dict[str, set[str]] = defaultdict(set)
    for path, node in defined():
        if isinstance(node, ast.ClassDef):
            places[node.name].add(names(path))
    assert {name: found for name, found in places.items() if len(found - WIRE) > 1} == {}
