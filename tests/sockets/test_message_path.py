"""The way of a message is short: how many files it crosses, from what is typed to the socket and back to a line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "message_path.py"
DEADLINE_S = 120.0


@pytest.mark.parametrize(("mode", "out", "back"), [("broker", 9, 10), ("peers", 16, 22)])
def test_a_message_crosses_few_files(mode: str, out: int, back: int, tmp_path: Path) -> None:
    traced = subprocess.run(
        [sys.executable, str(SCRIPT), mode],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    ).stdout
    found = re.findall(r"^from .*: \d+ calls, (\d+) files", traced, re.MULTILINE)
    assert all(int(files) <= most for files, most in zip(found, (out, back), strict=True)), traced
