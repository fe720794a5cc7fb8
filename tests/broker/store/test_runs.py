"""Runs: kept while the log's end is certain, else a new one. Seqs go on in any case."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sandpiper.broker.log import StoreError
from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.store.data_dir import DATABASE, DataDir
from sandpiper.broker.store.runs import Opening
from sandpiper.broker.store.store import Store


@pytest.mark.parametrize(
    ("clean", "synced", "boot", "now", "certain"),
    [
        (True, False, "one", "two", True),  # a clean stop
        (False, False, "one", "one", True),  # kill -9: the system still had everything
        (False, False, "one", "two", False),  # power loss
        (False, True, "one", "two", True),  # power loss, but every commit had reached the disk
        (False, False, "", "", False),  # the system does not tell
    ],
)
def test_when_the_end_is_certain(clean: bool, synced: bool, boot: str, now: str, certain: bool) -> None:
    assert Opening("a" * 32, clean, synced, boot, 1).ends_where_it_stopped(now) is certain


def open_store(folder: Path, new_run: str, boot: str = "one", fsync: bool = False) -> Store:
    return Store.open(folder, fsync=fsync, boot_id=boot, new_run=new_run)


def commit(store: Store, first: int, count: int) -> None:
    store.commit(Batch([LogBlock("lobby", first, count, 0, {"msg": first + count - 1}, b".")]), 0.0)


def crash(store: Store) -> None:
    """Lets everything go as a killed process does: nothing is marked."""
    assert store._checkpoints is not None
    assert store._folder is not None
    store._checkpoints.close()
    store._db.close()
    store._folder.close()


def lobby(store: Store) -> tuple[str, int, int]:
    room = store.load().rooms[0]
    return store.run, room.run_start, room.next_seq


def use(folder: Path, fsync: bool, end: Callable[[Store], None]) -> None:
    store = open_store(folder, "first", fsync=fsync)
    commit(store, 1, 5)
    end(store)


@pytest.mark.parametrize(
    ("fsync", "end", "boot", "expected"),
    [
        (False, Store.close, "one", ("first", 1, 6)),
        (False, Store.close, "two", ("first", 1, 6)),
        (False, crash, "one", ("first", 1, 6)),
        (False, crash, "two", ("second", 6, 6)),
        (False, crash, "", ("second", 6, 6)),
        (True, crash, "two", ("first", 1, 6)),
    ],
)
def test_reopening(
    tmp_path: Path, fsync: bool, end: Callable[[Store], None], boot: str, expected: tuple[str, int, int]
) -> None:
    use(tmp_path, fsync, end)
    with contextlib.closing(open_store(tmp_path, "second", boot)) as store:
        assert lobby(store) == expected
        assert store.inherited is (expected[0] == "first")
        commit(store, 6, 1)
    with contextlib.closing(open_store(tmp_path, "third", boot)) as store:
        assert lobby(store) == (expected[0], expected[1], 7)


def test_a_restored_folder_begins_a_new_run(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    use(data, False, Store.close)
    shutil.copytree(data, backup)
    with contextlib.closing(open_store(data, "second")) as store:
        commit(store, 6, 5)
    data.rename(tmp_path / "lost")
    shutil.copytree(backup, data)
    with contextlib.closing(open_store(data, "third")) as store:
        assert lobby(store) == ("third", 6, 6)


def test_a_restored_database_begins_a_new_run(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup.db"
    use(data, False, Store.close)
    shutil.copy(data / DATABASE, backup)
    with contextlib.closing(open_store(data, "second")) as store:
        commit(store, 6, 5)
    shutil.copy(backup, data / DATABASE)
    with contextlib.closing(open_store(data, "third")) as store:
        assert lobby(store) == ("third", 6, 6)


@pytest.mark.parametrize("mark", [None, b"", b"first 1 2\n", b"\xff" * 5000])
def test_without_its_mark_a_store_counts_as_restored(tmp_path: Path, mark: bytes | None) -> None:
    use(tmp_path, False, Store.close)
    (tmp_path / "run").unlink()
    if mark is not None:
        (tmp_path / "run").write_bytes(mark)
    with contextlib.closing(open_store(tmp_path, "second")) as store:
        assert lobby(store) == ("second", 6, 6)
    with contextlib.closing(open_store(tmp_path, "third")) as store:
        assert lobby(store) == ("second", 6, 6)


def test_a_moved_folder_is_the_same(tmp_path: Path) -> None:
    use(tmp_path / "data", False, Store.close)
    (tmp_path / "data").rename(tmp_path / "moved")
    with contextlib.closing(open_store(tmp_path / "moved", "second")) as store:
        assert lobby(store) == ("first", 1, 6)


def test_a_run_can_be_begun_by_hand_and_lasts(tmp_path: Path) -> None:
    use(tmp_path, False, Store.close)
    store = open_store(tmp_path, "second")
    store.new_run()
    assert lobby(store) == ("second", 6, 6)
    assert not store.inherited
    commit(store, 6, 2)
    store.new_run()
    assert lobby(store) == ("second", 6, 8)
    crash(store)
    with contextlib.closing(open_store(tmp_path, "third")) as store:
        assert lobby(store) == ("second", 6, 8)


def test_a_new_store_has_inherited_nothing(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path, "first")) as store:
        assert (store.run, store.inherited) == ("first", False)


def test_an_opening_that_cannot_be_marked_does_not_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As without inodes: the database is written, and no new file can be made."""
    use(tmp_path, False, Store.close)

    def fails(*_: object) -> None:
        raise StoreError("no file can be made")

    with monkeypatch.context() as patched:
        patched.setattr(DataDir, "mark", fails)
        for _ in range(2):
            with pytest.raises(StoreError, match="no file"):
                open_store(tmp_path, "second")
    store = open_store(tmp_path, "third")
    assert lobby(store) == ("first", 1, 6)
    store.close()
