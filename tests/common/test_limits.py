"""Every limit is defined once, and used."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from sandpiper.common import limits

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "common" / "limits"
FOLDERS = ("bridge", "broker", "chat", "cli", "common", "discovery", "peer", "tui")


def defined() -> list[str]:
    return [
        statement.target.id
        for file in FOLDER.glob("*.py")
        for statement in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]


def test_a_limit_is_defined_once_and_is_to_be_had_from_the_package() -> None:
    assert [name for name, count in Counter(defined()).items() if count > 1] == []
    assert [name for name in defined() if not hasattr(limits, name)] == []


def test_every_limit_is_used() -> None:
    read = {
        node.id
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert [name for name in defined() if name not in read] == []
