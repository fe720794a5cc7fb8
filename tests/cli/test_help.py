"""What --help says, word by word: tests/cli/help/. SANDPIPER_WRITE_HELP=1 with these tests accepts a change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandpiper.cli.app import app
from sandpiper.cli.main import main
from sandpiper.cli.reference import commands

FOLDER = Path(__file__).parent / "help"
NAMES = [command.name for command in commands(app)]


def file(name: str) -> Path:
    return FOLDER / f"{'-'.join(['sandpiper', *name.split()])}.txt"


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name or "sandpiper")
def test_help(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SANDPIPER_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    assert main([*name.split(), "--help"]) == 0
    told = capsys.readouterr().out
    if os.environ.get("SANDPIPER_WRITE_HELP"):
        FOLDER.mkdir(exist_ok=True)
        file(name).write_text(told, "utf-8")
    assert told == file(name).read_text("utf-8")
    assert max(map(len, told.splitlines())) <= 100


def test_no_page_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {file(name).name for name in NAMES}
