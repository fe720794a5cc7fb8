"""Retention: by count, by age, a little at a time, fairly."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.store.store import Store

LONG = 1e9


@pytest.fixture
def store() -> Iterator[Store]:
    with contextlib.closing(Store.memory()) as store:
        yield store


def fill(store: Store, room: str, *times: int) -> None:
    first = store.page(room, 0, 0, 0).head + 1
    store.commit(Batch([LogBlock(room, seq, 1, ts, {"msg": seq}, b".") for seq, ts in enumerate(times, first)]), 0.0)


def fill_blocks(store: Store, room: str, count: int, *times: int) -> None:
    blocks = [LogBlock(room, n * count + 1, count, ts, {"msg": (n + 1) * count}, b".") for n, ts in enumerate(times)]
    store.commit(Batch(blocks), 0.0)


def firsts(store: Store) -> list[int]:
    """Where the blocks begin that are there at all."""
    return [id_ & (1 << 40) - 1 for (id_,) in store._db.execute("SELECT id FROM log ORDER BY id")]


def test_by_count(store: Store) -> None:
    fill(store, "lobby", *[0] * 10)
    assert store.retain(0.0, 4, LONG, 100) == 6
    assert store.start("lobby") == 7
    assert [first for first, _, _ in store.page("lobby", 0, 100, 100).blocks] == [7, 8, 9, 10]
    assert store.retain(0.0, 4, LONG, 100) == 0


def test_by_count_is_exact_and_takes_whole_blocks_away(store: Store) -> None:
    fill_blocks(store, "lobby", 10, 0, 0, 0)
    assert store.retain(0.0, 15, LONG, 100) == 15
    assert store.start("lobby") == 16
    assert firsts(store) == [11, 21]
    assert store.retain(0.0, 10, LONG, 100) == 5
    assert firsts(store) == [21]


def test_by_age_a_block_goes_by_its_newest(store: Store) -> None:
    fill_blocks(store, "lobby", 10, 10, 20, 30)
    assert store.retain(50.0, 15, 40.0, 100) == 15
    assert (store.start("lobby"), firsts(store)) == (16, [11, 21])
    assert store.retain(60.0, 15, 35.0, 100) == 5
    assert (store.start("lobby"), firsts(store)) == (21, [21])


def test_a_block_larger_than_the_chunk_goes_in_the_end(store: Store) -> None:
    fill_blocks(store, "lobby", 10, 10, 90)
    assert [store.retain(100.0, 100, 30.0, 4) for _ in range(4)] == [4, 4, 2, 0]
    assert (store.start("lobby"), firsts(store)) == (11, [11])


def test_the_start_is_the_same_after_reopening(tmp_path: Path) -> None:
    def opened() -> Store:
        return Store.open(tmp_path, fsync=False, boot_id="boot", new_run="a" * 32)

    with contextlib.closing(opened()) as store:
        fill_blocks(store, "lobby", 10, 0, 0, 0)
        store.retain(0.0, 15, LONG, 100)
    with contextlib.closing(opened()) as store:
        assert store.start("lobby") == 16
        assert store.retain(0.0, 15, LONG, 100) == 0


def test_by_age(store: Store) -> None:
    fill(store, "lobby", 10, 20, 30, 40)
    assert store.retain(60.0, 100, 30.0, 100) == 2
    assert store.start("lobby") == 3


def test_a_log_that_has_aged_away_goes_on_where_it_was(store: Store) -> None:
    fill(store, "lobby", 10, 20)
    assert store.retain(100.0, 100, 30.0, 100) == 2
    page = store.page("lobby", 0, 10, 100)
    assert (page.start, page.head, page.blocks) == (3, 2, [])
    fill(store, "lobby", 100)
    assert store.start("lobby") == 3
    assert store.retain(100.0, 100, 30.0, 100) == 0
    assert store.retain(200.0, 100, 30.0, 100) == 1


def test_a_young_entry_keeps_what_is_behind_it(store: Store) -> None:
    """A log has no holes, so an older ts behind a younger one (the clock was set back) waits for it."""
    fill(store, "lobby", 10, 50, 20)
    assert store.retain(60.0, 100, 30.0, 100) == 1
    assert store.start("lobby") == 2


def test_a_chunk_is_shared_fairly(store: Store) -> None:
    fill(store, "busy", *[0] * 1000)
    fill(store, "calm", *[0] * 20)
    fill(store, "quiet", 0)
    assert store.retain(0.0, 10, LONG, 30) == 25
    assert (store.start("busy"), store.start("calm"), store.start("quiet")) == (16, 11, 1)


def test_with_more_rooms_than_the_chunk_has_rows_each_has_its_turn(store: Store) -> None:
    for room in "abcde":
        fill(store, room, *[0] * 10)
    for _ in range(5):
        assert store.retain(0.0, 5, LONG, 2) == 2
    assert [store.start(room) for room in "abcde"] == [3, 3, 3, 3, 3]
    while store.retain(0.0, 5, LONG, 2):
        pass
    assert [store.start(room) for room in "abcde"] == [6, 6, 6, 6, 6]
