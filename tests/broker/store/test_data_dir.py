"""The folder: private, and one process's."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandpiper.broker.log import StoreError
from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.store.data_dir import DataDir
from sandpiper.broker.store.errors import StoreInUse
from sandpiper.broker.store.store import Store


def open_store(folder: Path) -> Store:
    return Store.open(folder, fsync=False, boot_id="boot", new_run="a" * 32)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_all_is_for_the_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with contextlib.closing(open_store(tmp_path / "new" / "data")) as store:
            store.commit(Batch([LogBlock("lobby", 1, 1, 0, {"msg": 1}, b".")]), 0.0)
            files = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "new" / "data").iterdir()}
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700
    assert files == dict.fromkeys(["lock", "run", "sandpiper.db", "sandpiper.db-shm", "sandpiper.db-wal"], 0o600)


def test_a_second_broker_is_told_who_has_the_folder(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)), pytest.raises(StoreInUse) as caught:
        open_store(tmp_path)
    assert str(caught.value) == (
        f"the data folder {tmp_path} is in use by another broker (process {os.getpid()}); "
        "stop that one, or use another --data"
    )
    open_store(tmp_path).close()


HOLDER = """
import sys
from pathlib import Path
from sandpiper.broker.store.data_dir import DataDir

folder = DataDir(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_kill_9_lets_the_folder_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreInUse, match=f"process {holder.pid}"):
            DataDir(tmp_path)
        holder.kill()
        holder.wait(10)
        DataDir(tmp_path).close()


@pytest.mark.parametrize("below", ["", "data"])
def test_a_file_is_no_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / below
    with pytest.raises(StoreError, match="is or lies below a file, not a folder; use another --data"):
        DataDir(path)


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    folder = DataDir(tmp_path)
    folder.close()
    folder.close()


def test_a_mark_names_run_opening_and_the_very_files(tmp_path: Path) -> None:
    with contextlib.closing(DataDir(tmp_path)) as folder:
        folder.prepare()
        assert not folder.is_marked("a", 1)
        (tmp_path / "run.new").write_text("left behind by a crash")
        folder.mark("a", 1)
        assert folder.is_marked("a", 1)
        assert not folder.is_marked("a", 2)
        assert not folder.is_marked("b", 1)
        words = (tmp_path / "run").read_bytes()
        (tmp_path / "run").rename(tmp_path / "old")
        (tmp_path / "run").write_bytes(words)
        assert not folder.is_marked("a", 1)
