"""Reading logs: pages, and the newest of all rooms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from sandpiper.broker.records import Batch, LogBlock, LogPage
from sandpiper.broker.store.store import Store


def blocks(room: str, first: int, *times: int, count: int = 1, size: int = 10) -> list[LogBlock]:
    return [
        LogBlock(room, seq, count, ts, {"msg": seq + count - 1}, b"%d" % seq + b" " * (size - len(str(seq))))
        for seq, ts in zip(range(first, first + count * len(times), count), times, strict=True)
    ]


@pytest.fixture
def store() -> Iterator[Store]:
    with contextlib.closing(Store.memory()) as store:
        yield store


def pages(store: Store, after: int, limit: int, limit_bytes: int) -> list[tuple[int, int]]:
    return [(first, count) for first, count, _ in store.page("lobby", after, limit, limit_bytes).blocks]


def test_a_page_ends_at_its_limits(store: Store) -> None:
    store.commit(Batch(blocks("lobby", 1, *[0] * 20)), 0.0)
    assert pages(store, 0, 3, 1000) == [(1, 1), (2, 1), (3, 1)]
    assert pages(store, 3, 100, 45) == [(4, 1), (5, 1), (6, 1), (7, 1)]
    assert pages(store, 3, 100, 40) == [(4, 1), (5, 1), (6, 1), (7, 1)]
    assert pages(store, 18, 100, 1000) == [(19, 1), (20, 1)]
    assert pages(store, 0, 0, 1000) == []
    assert pages(store, 0, -1, 1000) == []


def test_a_page_of_larger_blocks_has_what_was_asked_for_within(store: Store) -> None:
    store.commit(Batch(blocks("lobby", 1, 0, 0, 0, 0, count=5) + blocks("side", 1, 0)), 0.0)
    assert pages(store, 0, 5, 1000) == [(1, 5)]
    assert pages(store, 0, 6, 1000) == [(1, 5), (6, 5)]
    assert pages(store, 4, 1, 1000) == [(1, 5)]
    assert pages(store, 4, 2, 1000) == [(1, 5), (6, 5)]
    assert pages(store, 5, 5, 1000) == [(6, 5)]
    assert pages(store, 19, 100, 1000) == [(16, 5)]


def test_a_page_begins_with_the_block_that_holds_the_start(store: Store) -> None:
    store.commit(Batch(blocks("lobby", 1, 0, 0, 0, count=5)), 0.0)
    store.retain(0.0, 7, 1e9, 100)
    assert store.page("lobby", 0, 4, 1000) == LogPage(9, 15, [(6, 5, b"6".ljust(10)), (11, 5, b"11".ljust(10))])
    assert pages(store, 0, 2, 1000) == [(6, 5)]


def test_a_page_holds_one_block_however_large(store: Store) -> None:
    store.commit(Batch(blocks("lobby", 1, 0, 0, size=500)), 0.0)
    assert pages(store, 0, 10, 100) == [(1, 1)]


@pytest.mark.parametrize("after", [20, 21, 1 << 63, 1 << 200])
def test_nothing_is_past_the_head(store: Store, after: int) -> None:
    store.commit(Batch(blocks("lobby", 1, *[0] * 20)), 0.0)
    assert store.page("lobby", after, 10, 1000) == LogPage(1, 20, [])


def test_a_negative_after_is_the_beginning(store: Store) -> None:
    store.commit(Batch(blocks("lobby", 1, 0)), 0.0)
    assert pages(store, -(1 << 200), 10, 1000) == [(1, 1)]


def test_an_unknown_room_is_empty(store: Store) -> None:
    assert store.page("nowhere", 0, 10, 1000) == LogPage(1, 0, [])
    assert store.start("nowhere") == 1


def said(store: Store, since_ts: int, limit: int) -> list[tuple[str, int]]:
    return [(room, int(body)) for room, body in store.recent(since_ts, limit)]


def test_recent_gives_the_newest_of_all_rooms_oldest_first(store: Store) -> None:
    store.commit(Batch(blocks("a", 1, 1, 3, 5, 7) + blocks("b", 1, 2, 4, 6) + blocks("c", 1, 0)), 0.0)
    assert said(store, 0, 100) == [
        ("c", 1),
        ("a", 1),
        ("b", 1),
        ("a", 2),
        ("b", 2),
        ("a", 3),
        ("b", 3),
        ("a", 4),
    ]
    assert said(store, 4, 100) == [("b", 2), ("a", 3), ("b", 3), ("a", 4)]
    assert said(store, 0, 2) == [("b", 3), ("a", 4)]
    assert said(store, 8, 100) == []
    assert said(store, 0, 0) == []


def test_recent_takes_as_many_blocks_as_hold_the_entries(store: Store) -> None:
    store.commit(Batch(blocks("a", 1, 1, 2, 3, count=10)), 0.0)
    assert said(store, 0, 10) == [("a", 21)]
    assert said(store, 0, 11) == [("a", 11), ("a", 21)]


def test_recent_over_many_rooms(store: Store) -> None:
    store.commit(Batch([block for n in range(300) for block in blocks(f"r{n:03}", 1, n, n)]), 0.0)
    assert [room for room, _ in store.recent(0, 5)] == ["r297", "r298", "r298", "r299", "r299"]
