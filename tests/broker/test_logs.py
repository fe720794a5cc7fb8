"""Reading logs: pages, and the newest of all rooms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from sandpiper.broker.store import Batch, Entry, Page, Store


def entries(room: str, first: int, *times: int, size: int = 10) -> list[Entry]:
    return [Entry(room, "msg", seq, ts, b"." * size) for seq, ts in enumerate(times, first)]


@pytest.fixture
def store() -> Iterator[Store]:
    with contextlib.closing(Store.memory()) as store:
        yield store


def pages(store: Store, after: int, limit: int, limit_bytes: int) -> list[int]:
    return [seq for seq, _ in store.page("lobby", after, limit, limit_bytes).entries]


def test_a_page_ends_at_its_limits(store: Store) -> None:
    store.commit(Batch(entries("lobby", 1, *[0] * 20)), 0.0)
    assert pages(store, 0, 3, 1000) == [1, 2, 3]
    assert pages(store, 3, 100, 45) == [4, 5, 6, 7]
    assert pages(store, 3, 100, 40) == [4, 5, 6, 7]
    assert pages(store, 18, 100, 1000) == [19, 20]
    assert pages(store, 0, 0, 1000) == []


def test_a_page_holds_one_entry_however_large(store: Store) -> None:
    store.commit(Batch(entries("lobby", 1, 0, 0, size=500)), 0.0)
    assert pages(store, 0, 10, 100) == [1]


@pytest.mark.parametrize("after", [20, 21, 1 << 63, 1 << 200])
def test_nothing_is_past_the_head(store: Store, after: int) -> None:
    store.commit(Batch(entries("lobby", 1, *[0] * 20)), 0.0)
    assert store.page("lobby", after, 10, 1000) == Page(1, 20, [])


def test_a_negative_after_is_the_beginning(store: Store) -> None:
    store.commit(Batch(entries("lobby", 1, 0)), 0.0)
    assert pages(store, -(1 << 200), 10, 1000) == [1]


def test_an_unknown_room_is_empty(store: Store) -> None:
    assert store.page("nowhere", 0, 10, 1000) == Page(1, 0, [])
    assert store.start("nowhere") == 1


def test_recent_gives_the_newest_of_all_rooms_oldest_first(store: Store) -> None:
    store.commit(Batch(entries("a", 1, 1, 3, 5, 7) + entries("b", 1, 2, 4, 6) + entries("c", 1, 0)), 0.0)
    assert [(room, seq) for room, seq, _ in store.recent(0, 100)] == [
        ("c", 1),
        ("a", 1),
        ("b", 1),
        ("a", 2),
        ("b", 2),
        ("a", 3),
        ("b", 3),
        ("a", 4),
    ]
    assert [(room, seq) for room, seq, _ in store.recent(4, 100)] == [("b", 2), ("a", 3), ("b", 3), ("a", 4)]
    assert [(room, seq) for room, seq, _ in store.recent(0, 2)] == [("b", 3), ("a", 4)]
    assert list(store.recent(8, 100)) == []
    assert list(store.recent(0, 0)) == []


def test_recent_over_many_rooms(store: Store) -> None:
    store.commit(Batch([entry for n in range(300) for entry in entries(f"r{n:03}", 1, n, n)]), 0.0)
    assert [room for room, _, _ in store.recent(0, 5)] == ["r297", "r298", "r298", "r299", "r299"]
