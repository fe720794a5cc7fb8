"""A home of its own for every test: nobody's settings, keys or pins are read, and none are left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandpiper.cli.options import settings


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SANDPIPER_HOME is the test's folder, and it is asked for anew."""
    monkeypatch.setenv("SANDPIPER_HOME", str(tmp_path))
    settings.folders.cache_clear()
    yield
    settings.folders.cache_clear()
