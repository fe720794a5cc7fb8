"""Which test files are the core suite: those that touch no sockets, processes, terminals or files of ours."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from tests.test_layers import OUTSIDE, ROOT, imports, is_shell

_ALLOWED: Final = {"random", "time", "os"}
"""What a test of the core may import itself: seeded chance, and the like."""


@cache
def is_core(path: Path) -> bool:
    """Whether a test file, and every test helper that it imports, imports pure modules alone."""
    for _, name in imports(path):
        if name.partition(".")[0] in OUTSIDE - _ALLOWED:
            return False
        module = _source(name)
        if module is not None and not (is_core(module) if "tests" in module.parts else not is_shell(module)):
            return False
    return True


def _source(name: str) -> Path | None:
    """The file of ours that an imported name is, or is in."""
    parts = name.removeprefix("sandpiper.").split(".")
    while len(parts) > 1 or (parts and parts[0] == "tests"):
        path = ROOT.joinpath(*parts).with_suffix(".py")
        if path.exists():
            return path
        parts.pop()
    return None
