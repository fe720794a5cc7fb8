"""What is written from the code is what the code says now."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("script", ["commands", "man", "schema"])
def test_it_is_current(script: str) -> None:
    words = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--check"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_man_page_has_no_mistake_in_it() -> None:
    if not (groff := shutil.which("groff")):
        pytest.skip("no groff")
    page = str(ROOT / "man" / "sandpiper.1")
    ran = subprocess.run([groff, "-man", "-Tutf8", "-ww", page], capture_output=True, timeout=60)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
    assert "tail -f log | sandpiper say pine-ocean-42 -" in ran.stdout.decode().replace("\u2010", "-")
