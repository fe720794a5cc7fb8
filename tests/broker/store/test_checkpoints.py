"""Checkpoints: off the commit's thread, the log bounded, a failure survived."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.store import checkpoints, schema
from sandpiper.broker.store.checkpoints import Checkpoints
from sandpiper.broker.store.store import Store
from sandpiper.common.limits import STORE_QUIET_S

DEADLINE_S = 10.0


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(tmp_path / "db", timeout=0, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute(f"PRAGMA journal_size_limit = {vars(checkpoints)['STORE_CHECKPOINT_BYTES']}")
        db.execute("CREATE TABLE t (a)")
        yield db


@pytest.fixture
def thread(db: sqlite3.Connection, tmp_path: Path) -> Iterator[Checkpoints]:
    with contextlib.closing(Checkpoints(tmp_path / "db", False)) as thread:
        yield thread


def write(db: sqlite3.Connection, pages: int) -> None:
    db.execute("INSERT INTO t VALUES (zeroblob(?))", (4096 * pages,))


def log_bytes(path: Path) -> int:
    return (path / "db-wal").stat().st_size


def log_pages(path: Path) -> int:
    return log_bytes(path) // 4120


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of 256 KiB is long, one of 1 MiB too long."""
    monkeypatch.setattr(checkpoints, "STORE_CHECKPOINT_BYTES", 256 * 1024)
    monkeypatch.setattr(schema, "STORE_CHECKPOINT_BYTES", 256 * 1024)
    monkeypatch.setattr(checkpoints, "STORE_WAL_BYTES", 1024 * 1024)


def test_after_a_checkpoint_the_log_begins_anew(db: sqlite3.Connection, thread: Checkpoints, tmp_path: Path) -> None:
    write(db, 50)
    thread.ask()
    assert thread._answered.wait(DEADLINE_S)
    before = log_pages(tmp_path)
    write(db, 20)
    assert log_pages(tmp_path) == before


@pytest.mark.usefixtures("small")
def test_it_is_asked_for_when_the_log_is_long(db: sqlite3.Connection, thread: Checkpoints, tmp_path: Path) -> None:
    write(db, 50)
    thread.grown()
    assert not thread._asked.is_set()
    assert thread._answered.is_set()
    write(db, 50)
    with thread.gate:  # the thread cannot be done before it is looked at
        thread.grown()
        assert not thread._answered.is_set()
    assert thread._answered.wait(DEADLINE_S)


@pytest.mark.usefixtures("small")
def test_the_log_of_small_commits_has_its_bound_while_others_read(tmp_path: Path) -> None:
    """Each touches more pages than its body fills, as a room's first messages and a publisher's numbers do."""
    store = Store.open(tmp_path / "data", fsync=False, boot_id="b", new_run="0" * 32)
    wal, most = tmp_path / "data" / "sandpiper.db-wal", 0
    with contextlib.closing(store), contextlib.closing(sqlite3.connect(tmp_path / "data" / "sandpiper.db")) as outside:
        for number in range(3000):
            room = f"room{number % 40}"
            block = LogBlock(room, number // 40 + 1, 1, 0, {"msg": number // 40 + 1}, b"x" * 300)
            store.commit(Batch([block], {(bytes([number % 40]) * 32, room): number // 40 + 1}), 0.0)
            most = max(most, wal.stat().st_size)
            store.page(room, 0, 100, 1 << 20)
            outside.execute("SELECT count(*) FROM log").fetchone()
        assert most < 1024 * 1024 + 64 * 1024
    assert not wal.exists()


@pytest.mark.usefixtures("small")
def test_it_waits_for_a_thread_that_falls_behind(db: sqlite3.Connection, tmp_path: Path) -> None:
    """At full speed: without waiting the log would come to 5,000 pages if the thread had no turn."""
    with contextlib.closing(Checkpoints(tmp_path / "db", False)) as thread:
        for _ in range(500):
            with thread.gate:
                write(db, 10)
            thread.grown()
            assert log_bytes(tmp_path) < 1024 * 1024 + 2 * 256 * 1024


@pytest.mark.usefixtures("small")
def test_a_reader_who_stays_is_named_once(
    db: sqlite3.Connection, thread: Checkpoints, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(db, 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        for _ in range(10):
            write(db, 50)
            thread.grown()
            assert thread._answered.wait(DEADLINE_S)
        assert [line for line in caplog.messages if "another program reads" in line] == caplog.messages
        assert len(caplog.messages) == 1
        reader.execute("COMMIT")
    thread.ask()
    assert thread._answered.wait(DEADLINE_S)
    write(db, 1)
    assert log_bytes(tmp_path) <= 256 * 1024


def test_a_store_at_rest_has_an_empty_log(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "data", fsync=False, boot_id="b", new_run="0" * 32)
    wal = tmp_path / "data" / "sandpiper.db-wal"
    with contextlib.closing(store):
        store.commit(Batch([LogBlock("room", 1, 1, 0, {"msg": 1}, b"x")], {}), 0.0)
        store.rest(0.0)
        store.rest(STORE_QUIET_S - 1)
        assert wal.stat().st_size > 0
        store.rest(STORE_QUIET_S)
        assert store._checkpoints is not None
        assert store._checkpoints._answered.wait(DEADLINE_S)
        assert wal.stat().st_size == 0
        store.commit(Batch([LogBlock("room", 2, 1, 0, {"msg": 2}, b"y")], {}), 0.0)
        assert [body for _, _, body in store.page("room", 0, 10, 1000).blocks] == [b"x", b"y"]


def test_a_failure_is_said_once_and_survived(
    db: sqlite3.Connection,
    thread: Checkpoints,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(kind: str = "PASSIVE") -> tuple[int, int]:
        raise sqlite3.OperationalError("database or disk is full")

    write(db, 50)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "sandpiper.broker"):
        patch.setattr(thread, "_pass", full)
        for _ in range(2):
            thread.ask()
            assert thread._answered.wait(DEADLINE_S)
        assert len(caplog.messages) == 1
        assert "checkpoint failed: no space left" in caplog.messages[0]
    thread.ask()
    assert thread._answered.wait(DEADLINE_S)
    before = log_pages(tmp_path)
    write(db, 20)
    assert log_pages(tmp_path) == before


def test_closing_twice_is_fine(thread: Checkpoints) -> None:
    thread.close()
    thread.close()
    assert not thread._thread.is_alive()
