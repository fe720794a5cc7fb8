from __future__ import annotations

import os
import socket
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from sandpiper.common.io import inner_endpoint
from sandpiper.common.io.inner_endpoint import InnerEndpoint, socket_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no sockets in the file system")


def places(monkeypatch: pytest.MonkeyPatch, *given: Path) -> None:
    monkeypatch.setattr(inner_endpoint, "_places", lambda: list(given))


def test_the_first_place_where_a_folder_can_be_made_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    long = tmp_path / ("x" * 100)
    long.mkdir()
    good = tmp_path / "s"
    good.mkdir()
    monkeypatch.setattr(inner_endpoint, "_SUN_PATH", len(str(good)) + 30)
    places(monkeypatch, tmp_path / "missing", tmp_path / "file", long, good)
    folder = socket_folder()
    assert folder.parent == good
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_where_there_is_none_the_door_is_at_a_port_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(inner_endpoint, "_SUN_PATH", 1000)
    places(monkeypatch, tmp_path / "missing")
    with pytest.raises(OSError, match=r"no folder for sockets can be made in .*/missing \(No such file or directory\)"):
        socket_folder()
    made = InnerEndpoint()
    assert made.endpoint.startswith("tcp://127.0.0.1:")
    made.close()


def test_no_temp_folder_at_all_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert Path("/dev/shm") in inner_endpoint._places()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(Path.cwd()))
    assert Path.cwd() not in inner_endpoint._places()


def test_folders_that_nobody_uses_are_swept_away() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name, socket.socket(socket.AF_UNIX) as listener:
        base = Path(name)
        for each in ("empty", "dead", "live", "file", "young"):
            (base / f"sandpiper-{each}").mkdir()
        for each in ("c", "7"):
            with socket.socket(socket.AF_UNIX) as killed:
                killed.bind(str(base / "sandpiper-dead" / each))
        listener.bind(str(base / "sandpiper-live" / "c"))
        listener.listen()
        (base / "sandpiper-file" / "notes").touch()
        for folder in base.iterdir():
            if folder.name != "sandpiper-young":
                os.utime(folder, (0, 0))
        inner_endpoint._sweep(base)
        assert sorted(folder.name for folder in base.iterdir()) == [
            "sandpiper-file",
            "sandpiper-live",
            "sandpiper-young",
        ]
