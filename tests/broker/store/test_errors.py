"""Full disks, read-only folders, damage: one line each, and nothing lost."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandpiper.broker.log import StoreError
from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.store.data_dir import DATABASE
from sandpiper.broker.store.errors import (
    StoreCorrupt,
    StoreFull,
    StoreInUse,
    StoreNewer,
    StoreReadOnly,
    from_os,
    from_sqlite,
)
from sandpiper.broker.store.store import Store


def open_store(folder: Path) -> Store:
    return Store.open(folder, fsync=False, boot_id="boot", new_run="a" * 32)


def blocks(first: int, blocks: int, size: int = 10_000) -> list[LogBlock]:
    """Blocks of ten."""
    return [
        LogBlock("lobby", seq, 10, 0, {"msg": seq + 9}, b"." * size) for seq in range(first, first + 10 * blocks, 10)
    ]


def seqs(store: Store) -> list[int]:
    found = store.page("lobby", 0, 1 << 40, 1 << 40).blocks
    return [seq for first, count, _ in found for seq in range(first, first + count)]


def fill(folder: Path) -> None:
    with contextlib.closing(open_store(folder)) as store:
        store.commit(Batch(blocks(1, 50)), 0.0)


# A full disk ---------------------------------------------------------------------------------------------------


def test_a_commit_on_a_full_disk_is_undone_whole_and_can_be_repeated(tmp_path: Path) -> None:
    key = b"k" * 32
    with contextlib.closing(open_store(tmp_path)) as store:
        store.commit(Batch(blocks(1, 1), {(key, "lobby"): 10}), 0.0)
        before = store.load()
        store._db.execute("PRAGMA max_page_count = 20")
        batch = Batch([*blocks(11, 50), LogBlock("new", 1, 1, 0, {"msg": 1}, b".")], {(key, "lobby"): 510})
        for _ in range(2):
            with pytest.raises(StoreFull, match=f"no space left for {tmp_path} .*; free some space"):
                store.commit(batch, 0.0)
        assert store.load() == before
        assert seqs(store) == list(range(1, 11))
        store._db.execute("PRAGMA max_page_count = 100000")
        store.commit(batch, 0.0)
        assert seqs(store) == list(range(1, 511))
        assert store.load().publishers == {(key, "lobby"): 510}


ON_A_SMALL_DISK = """
import subprocess
import sys
from pathlib import Path
from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.store.errors import StoreFull
from sandpiper.broker.store.store import Store

data, ballast = Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "ballast"

def open_store():
    return Store.open(data, fsync=False, boot_id="boot", new_run="a" * 32)

def commit_until_full(store, head):
    try:
        while True:
            firsts = range(head + 1, head + 101, 10)
            blocks = [LogBlock("lobby", first, 10, 0, {"msg": first + 9}, b"." * 10000) for first in firsts]
            store.commit(Batch(blocks), 0.0)
            head += 100
    except StoreFull as error:
        assert "no space left" in str(error), error
        return head

def fill_up(file):
    try:
        while True:
            file.write(b"." * 512)
    except OSError:
        pass

with open(ballast, "wb", buffering=0) as file:
    fill_up(file)
try:
    open_store()
    raise SystemExit("opened on a full disk")
except StoreFull:
    pass
ballast.write_bytes(b"." * (512 << 10))
store = open_store()
head = commit_until_full(store, 0)
assert head > 0
assert store.page("lobby", 0, 1 << 40, 1 << 40).head == head
ballast.unlink()
more = commit_until_full(store, head)
assert more > head
try:
    store.close()
except StoreFull:
    pass
subprocess.run(["mount", "-o", "remount,size=16m", sys.argv[1]], check=True)
store = open_store()
assert store.run == "a" * 32
page = store.page("lobby", 0, 1 << 40, 1 << 40)
assert page.head == more, (page.head, more)
assert [first for first, _, _ in page.blocks] == list(range(1, more + 1, 10))
store.close()
print("fine")
"""


def may_mount() -> bool:
    if not shutil.which("unshare"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", folder]
        return subprocess.run(command, capture_output=True, timeout=10).returncode == 0


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("a small disk cannot be mounted here: needs unshare and root")
    mounted = 'mount -t tmpfs -o size=2m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-m", "sh", "-c", mounted, "sh", str(tmp_path), sys.executable, ON_A_SMALL_DISK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "fine\n", done.stderr
    assert all(line.startswith("checkpoint failed: no space left") for line in done.stderr.splitlines())


# No permission -------------------------------------------------------------------------------------------------


@pytest.fixture
def strangers_folder() -> Iterator[Path]:
    """A filled data folder as somebody sees it for whom modes count: root becomes nobody meanwhile."""
    if os.name == "nt":
        pytest.skip("Windows has no modes")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        fill(data)
        root = os.geteuid() == 0
        if root:
            for path in (data, *data.iterdir()):
                os.chown(path, 65534, 65534)
            os.seteuid(65534)
        try:
            yield data
        finally:
            if root:
                os.seteuid(0)
            data.chmod(0o700)


def test_a_read_only_folder(strangers_folder: Path) -> None:
    (strangers_folder / "lock").unlink()
    strangers_folder.chmod(0o500)
    with pytest.raises(StoreReadOnly, match=f"{strangers_folder} may not be written .*; correct its permissions"):
        open_store(strangers_folder)


def test_a_read_only_database(strangers_folder: Path) -> None:
    database = strangers_folder / DATABASE
    database.chmod(0o400)
    with pytest.raises(StoreReadOnly, match=f"{database} may not be written"):
        open_store(strangers_folder)
    database.chmod(0o600)
    open_store(strangers_folder).close()


def test_a_closed_folder(strangers_folder: Path) -> None:
    strangers_folder.chmod(0)
    with pytest.raises(StoreReadOnly, match=r"may not be written \(Permission denied\)"):
        open_store(strangers_folder)


def test_a_folder_that_cannot_be_made(strangers_folder: Path) -> None:
    strangers_folder.chmod(0o500)
    with pytest.raises(StoreReadOnly, match="may not be written"):
        open_store(strangers_folder / "deeper")


# Damage --------------------------------------------------------------------------------------------------------


def spoil(folder: Path, first: float, last: float) -> None:
    """Overwrites the part of the database between two fractions of its length."""
    path = folder / DATABASE
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(int(size * first))
        file.write(b"\xa5" * int(size * (last - first)))


def mark_unclean(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as db, db:
        db.execute("UPDATE meta SET clean = 0")


def test_damage_is_found_after_an_unclean_stop(tmp_path: Path) -> None:
    fill(tmp_path)
    mark_unclean(tmp_path)
    spoil(tmp_path, 0.4, 0.6)
    with pytest.raises(StoreCorrupt, match=r"is damaged \(.*\); restore it from a backup, or use another --data"):
        open_store(tmp_path)


def test_damage_is_found_when_it_is_met(tmp_path: Path) -> None:
    fill(tmp_path)
    spoil(tmp_path, 0.4, 0.6)
    with contextlib.closing(open_store(tmp_path)) as store:
        with pytest.raises(StoreCorrupt, match=f"the data in {tmp_path} is damaged"):
            seqs(store)
        store.commit(Batch(blocks(501, 1)), 0.0)


@pytest.mark.parametrize("size", [0, 50, 3000, 100_000])
def test_a_truncated_database(tmp_path: Path, size: int) -> None:
    fill(tmp_path)
    os.truncate(tmp_path / DATABASE, size)
    with pytest.raises(StoreCorrupt, match="is damaged"):
        open_store(tmp_path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"something else\n" * 1000)
    with pytest.raises(StoreCorrupt, match="file is not a database"):
        open_store(tmp_path)


def test_another_programs_database(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as db, db:
        db.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StoreCorrupt, match="a database of another program"):
        open_store(tmp_path)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta",
        "DROP TABLE nicks",
        "UPDATE rooms SET next_seq = 100",
        "UPDATE rooms SET next_seq = 'x'",
        "UPDATE rooms SET next_seq = 1 << 50",
        "UPDATE rooms SET last = x'ff'",
        "UPDATE rooms SET start = 502",
        "DELETE FROM log",
        "DELETE FROM log WHERE id & 1023 = 1",
        "DELETE FROM log WHERE id & 1023 = 491",
        "UPDATE rooms SET next_seq = 1; DELETE FROM log WHERE id & 1023 = 201",
        "UPDATE rooms SET next_seq = 1; UPDATE log SET last = x'ff'",
        "UPDATE rooms SET next_seq = 1; UPDATE log SET published = x'ff'",
    ],
)
def test_tables_that_contradict_each_other(tmp_path: Path, statement: str) -> None:
    fill(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as db, db:
        db.executescript(statement)
    with pytest.raises(StoreCorrupt, match="is damaged"), contextlib.closing(open_store(tmp_path)) as store:
        store.load()


def test_nothing_is_held_after_a_failed_open(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"something else\n" * 1000)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            open_store(tmp_path)
    (tmp_path / DATABASE).unlink()
    open_store(tmp_path).close()


# Others --------------------------------------------------------------------------------------------------------


def test_a_newer_schema(tmp_path: Path) -> None:
    fill(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreNewer) as caught:
        open_store(tmp_path)
    assert str(caught.value) == (
        f"the data in {tmp_path / DATABASE} was written by a newer sandpiper (schema 7, this one knows 1); "
        "upgrade, or use another --data"
    )


def test_another_program_that_writes_the_database(tmp_path: Path) -> None:
    fill(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreInUse, match="locked by another program"):
            open_store(tmp_path)
        db.execute("ROLLBACK")
        with contextlib.closing(open_store(tmp_path)) as store:
            db.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreInUse, match="locked by another program"):
                store.commit(Batch(blocks(501, 1)), 0.0)
            db.execute("ROLLBACK")
            store.commit(Batch(blocks(501, 1)), 0.0)


def test_another_program_may_read_the_database(tmp_path: Path) -> None:
    fill(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        db.execute("BEGIN")
        assert db.execute("SELECT count(*) FROM log").fetchone() == (50,)
        with contextlib.closing(open_store(tmp_path)) as store:
            store.commit(Batch(blocks(501, 1)), 0.0)
        assert db.execute("SELECT count(*) FROM log").fetchone() == (50,)
    with contextlib.closing(open_store(tmp_path)) as store:
        assert seqs(store) == list(range(1, 511))


def test_no_room_for_the_index_of_the_log_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    assert type(from_sqlite(error, tmp_path / DATABASE)) is StoreError
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=4096))
    assert type(from_sqlite(error, tmp_path / DATABASE)) is StoreFull


def test_an_error_without_a_line_of_its_own_is_still_one_line() -> None:
    error = from_sqlite(sqlite3.OperationalError("disk I/O\nerror"), Path("/data"))
    assert type(error) is StoreError
    assert str(error) == "/data cannot be read or written (disk I/O error); look for disk errors in the system's log"


# What the system says ------------------------------------------------------------------------------------------


def test_behind_an_input_output_error_stands_the_systems_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has become read-only in mid-run is no broken disk."""
    error = sqlite3.OperationalError("disk I/O error")
    assert type(from_sqlite(error, tmp_path)) is StoreError

    def read_only(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    found = from_sqlite(error, tmp_path)
    assert isinstance(found, StoreReadOnly)
    assert "Read-only file system" in str(found)
    assert found.outside == "its data may not be written"


def test_no_inodes_is_not_called_no_space(tmp_path: Path) -> None:
    found = from_os(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    assert isinstance(found, StoreFull)
    assert "no file can be made" in str(found)
