"""`scripts/venv.sh` without a network: one line, and not pip's twenty."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform == "win32", reason="a script for sh")
def test_without_a_network_it_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "venv.sh", tmp_path / "scripts")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("bridge", "broker", "chat", "cli", "common", "discovery", "peer", "tui"):
        (tmp_path / name).mkdir()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    here = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ran = subprocess.run(
        ["sh", "scripts/venv.sh"],
        cwd=tmp_path,
        env=kept | here,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 1
    said = [line for line in ran.stderr.splitlines() if " ..." not in line]
    assert len(said) == 1, ran.stderr
    assert said[0].startswith("sandpiper: the packages that it needs cannot be fetched: Connection refused. ")
    assert "Connection refused" in (tmp_path / ".venv" / "pip.log").read_text()
    assert not (tmp_path / ".venv-lock").exists()
