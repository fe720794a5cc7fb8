"""The store: what is committed is there, whole, in order, after anything."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandpiper.broker.store import Batch, Entry, Store

RUN = "a" * 32
KEY, IDENTITY = b"k" * 32, b"i" * 32


def open_store(folder: Path, new_run: str = RUN, now: float = 0.0) -> Store:
    return Store.open(folder, fsync=False, boot_id="boot", new_run=new_run, now=now)


def entries(room: str, first: int, count: int, ts: int = 0, size: int = 0, kind: str = "msg") -> list[Entry]:
    return [
        Entry(room, kind, seq, ts, f"{room}/{seq} ".encode().ljust(size, b".")) for seq in range(first, first + count)
    ]


def seqs(store: Store, room: str) -> list[int]:
    return [seq for seq, _ in store.page(room, 0, 1 << 40, 1 << 40).entries]


@pytest.fixture
def store() -> Iterator[Store]:
    with contextlib.closing(Store.memory(RUN)) as store:
        yield store


def test_a_reopened_store_holds_what_was_committed(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        batch = entries("lobby", 1, 3) + entries("lobby", 4, 1, kind="data") + entries("é", 1, 2)
        store.commit(Batch(batch, {(KEY, "lobby"): 4, (KEY, "empty"): 1}), 5.0)
    with contextlib.closing(open_store(tmp_path, "b" * 32)) as store:
        loaded = store.load()
        assert store.run == RUN
        assert [(room.name, room.next_seq, room.run_start, room.last) for room in loaded.rooms] == [
            ("lobby", 5, 1, {"msg": 3, "data": 4}),
            ("é", 3, 1, {"msg": 2}),
            ("empty", 1, 1, {}),
        ]
        assert loaded.publishers == {(KEY, "lobby"): 4, (KEY, "empty"): 1}
        assert seqs(store, "lobby") == [1, 2, 3, 4]
        assert store.page("é", 1, 10, 1000).entries == [(2, "é/2 ".encode())]
        store.commit(Batch(entries("lobby", 5, 1), {(KEY, "lobby"): 5}), 6.0)
        assert store.load().publishers[KEY, "lobby"] == 5


def test_a_hole_in_a_batch_is_a_mistake_and_stores_nothing(store: Store) -> None:
    with pytest.raises(ValueError, match="seq 3 does not follow 1 in lobby"):
        store.commit(Batch(entries("lobby", 1, 1) + entries("lobby", 3, 1)), 0.0)
    assert store.load().rooms == []
    store.commit(Batch(entries("lobby", 1, 2)), 0.0)
    assert seqs(store, "lobby") == [1, 2]


def test_what_load_gives_may_be_changed_without_harm(store: Store) -> None:
    store.commit(Batch(entries("lobby", 1, 1)), 0.0)
    store.load().rooms[0].last["msg"] = 99
    assert store.load().rooms[0].last == {"msg": 1}


def test_a_large_batch(store: Store) -> None:
    store.commit(Batch(entries("lobby", 1, 20_000, size=300)), 0.0)
    page = store.page("lobby", 19_990, 100, 1 << 20)
    assert [seq for seq, _ in page.entries] == list(range(19_991, 20_001))


def test_keys_are_kept_until_they_age(store: Store) -> None:
    other = b"o" * 32
    store.enrol(KEY, IDENTITY, 100.0)
    store.enrol(other, IDENTITY, 100.0)
    store.commit(Batch(entries("lobby", 1, 1), {(KEY, "lobby"): 1, (other, "lobby"): 1}), 100.0)
    store.touch([KEY], 150.0)
    assert store.prune(200.0, enrolled_s=60.0, publishers_s=60.0) == [other]
    loaded = store.load()
    assert loaded.enrolled == {KEY: IDENTITY}
    assert loaded.publishers == {(KEY, "lobby"): 1}
    store.unenrol(KEY)
    assert store.load().enrolled == {}


def test_what_has_aged_is_forgotten_at_open(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        store.enrol(KEY, IDENTITY, 0.0)
    with contextlib.closing(open_store(tmp_path, now=1e9)) as store:
        assert store.load().enrolled == {}


def test_a_nick_is_owned_until_it_is_freed(store: Store) -> None:
    store.own_nick("lobby", "alice", "Alice", IDENTITY, 1.0)
    store.own_nick("lobby", "alice", "ALICE", IDENTITY, 2.0)
    store.own_nick("other", "alice", "alice", KEY, 3.0)
    nicks = store.load().nicks
    assert [(row.room, row.folded, row.nick, row.identity) for row in nicks] == [
        ("lobby", "alice", "ALICE", IDENTITY),
        ("other", "alice", "alice", KEY),
    ]
    store.free_nick("lobby", "alice")
    store.free_nick("nowhere", "alice")
    assert [row.room for row in store.load().nicks] == ["other"]


def test_closing_twice_is_fine_and_using_it_afterwards_is_a_mistake() -> None:
    store = Store.memory()
    store.close()
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.commit(Batch(entries("lobby", 1, 1)), 0.0)


WRITER = """
import sys
from pathlib import Path
from sandpiper.broker.store import Batch, Entry, Store

store = Store.open(Path(sys.argv[1]), fsync=False, boot_id="boot", new_run="a" * 32, now=0.0)
seq = {room.name: room.next_seq for room in store.load().rooms}
while True:
    for room, count in (("lobby", 7), ("side", 1), ("lobby", 300)):
        first = seq.get(room, 1)
        batch = [Entry(room, "msg", n, 0, b"%d" % n + b"." * 500) for n in range(first, first + count)]
        store.commit(Batch(batch, {(b"k" * 32, room): first + count - 1}), 0.0)
        seq[room] = first + count
        print(room, first + count - 1, flush=True)
"""


def test_kill_9_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for _ in range(3):
        printed = {}
        with subprocess.Popen([sys.executable, "-c", WRITER, str(data)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for count, line in enumerate(writer.stdout):
                if line.endswith("\n"):  # the kill may cut the last one short
                    name, head = line.split()
                    printed[name] = int(head)
                if count == 60:
                    writer.kill()
        assert len(printed) == 2
        with contextlib.closing(open_store(data, "b" * 32)) as store:
            assert store.run == RUN
            loaded = store.load()
            for room in loaded.rooms:
                stored = store.page(room.name, 0, 1 << 40, 1 << 40)
                assert stored.head >= printed[room.name]
                assert [seq for seq, _ in stored.entries] == list(range(1, stored.head + 1))
                assert all(frame == b"%d" % seq + b"." * 500 for seq, frame in stored.entries)
                assert loaded.publishers[KEY, room.name] == stored.head


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.dictionaries(st.sampled_from("abc"), st.integers(1, 30), min_size=1)),
        st.tuples(st.just("retain"), st.tuples(st.integers(0, 40), st.integers(0, 20), st.integers(1, 50))),
        st.tuples(st.just("reopen"), st.sampled_from(["boot", "later"])),
        st.tuples(st.just("run"), st.none()),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_happens_each_log_is_contiguous_up_to_its_head(steps: list[tuple[str, object]]) -> None:
    heads: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name:
        store = open_store(Path(name))
        try:
            for now, (step, what) in enumerate(steps):
                if step == "commit" and isinstance(what, dict):
                    batch = [e for room, n in what.items() for e in entries(room, heads.get(room, 0) + 1, n, now)]
                    store.commit(Batch(batch), now)
                    for room, n in what.items():
                        heads[room] = heads.get(room, 0) + n
                elif step == "retain" and isinstance(what, tuple):
                    messages, age, chunk = what
                    assert store.retain(now, messages, age, chunk) <= chunk
                elif step == "run":
                    store.new_run(f"{now:032x}")
                    assert all(room.run_start == room.next_seq for room in store.load().rooms)
                else:
                    store.close()
                    store = Store.open(
                        Path(name), fsync=False, boot_id=str(what), new_run=f"{now:032x}", now=float(now)
                    )
                for room, head in heads.items():
                    page = store.page(room, 0, 1 << 40, 1 << 40)
                    assert page.head == head
                    assert page.start == store.start(room)
                    assert [seq for seq, _ in page.entries] == list(range(page.start, head + 1))
        finally:
            store.close()
