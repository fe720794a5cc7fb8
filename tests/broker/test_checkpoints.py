"""Checkpoints: off the commit's thread, the log bounded, a failure survived."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandpiper.broker import checkpoints
from sandpiper.broker.checkpoints import Checkpoints
from sandpiper.common.limits import STORE_CHECKPOINT_PAGES

DEADLINE_S = 10.0


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(tmp_path / "db", timeout=0, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE t (a)")
        yield db


@pytest.fixture
def thread(db: sqlite3.Connection, tmp_path: Path) -> Iterator[Checkpoints]:
    with contextlib.closing(Checkpoints(tmp_path / "db", False)) as thread:
        yield thread


def write(db: sqlite3.Connection, pages: int) -> None:
    db.execute("INSERT INTO t VALUES (zeroblob(?))", (4096 * pages,))


def log_pages(path: Path) -> int:
    return (path / "db-wal").stat().st_size // 4120


def test_after_a_checkpoint_the_log_begins_anew(db: sqlite3.Connection, thread: Checkpoints, tmp_path: Path) -> None:
    write(db, 50)
    thread.ask()
    assert thread._answered.wait(DEADLINE_S)
    before = log_pages(tmp_path)
    write(db, 20)
    assert log_pages(tmp_path) == before


def test_it_is_asked_for_when_enough_has_been_written(db: sqlite3.Connection, thread: Checkpoints) -> None:
    thread.grown(STORE_CHECKPOINT_PAGES - 1)
    assert thread._pages > 0
    thread.grown(1)
    assert thread._pages == 0
    assert thread._answered.wait(DEADLINE_S)


def test_it_waits_for_a_thread_that_falls_behind(
    db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At full speed: without waiting the log would come to 7,000 pages if the thread had no turn."""
    monkeypatch.setattr(checkpoints, "STORE_CHECKPOINT_PAGES", 100)
    monkeypatch.setattr(checkpoints, "STORE_WAL_PAGES", 400)
    with contextlib.closing(Checkpoints(tmp_path / "db", False)) as thread:
        for _ in range(500):
            with thread.gate:
                write(db, 10)
            thread.grown(14)
    assert log_pages(tmp_path) < 1500


def test_a_failure_is_said_once_and_survived(
    db: sqlite3.Connection,
    thread: Checkpoints,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full() -> int:
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
