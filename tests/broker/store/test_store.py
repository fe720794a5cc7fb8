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

from sandpiper.broker.records import Batch, ClockRecord, LogBlock
from sandpiper.broker.store.data_dir import DATABASE
from sandpiper.broker.store.store import Store

RUN = "a" * 32
KEY, IDENTITY = b"k" * 32, b"i" * 32


def open_store(folder: Path, new_run: str = RUN) -> Store:
    return Store.open(folder, fsync=False, boot_id="boot", new_run=new_run)


def block(room: str, first: int, count: int, ts: int = 0, size: int = 0, kind: str = "msg") -> LogBlock:
    return LogBlock(room, first, count, ts, {kind: first + count - 1}, f"{room}/{first} ".encode().ljust(size, b"."))


def seqs(store: Store, room: str) -> list[int]:
    """What is retained of all blocks, in the order in which it is read."""
    page = store.page(room, 0, 1 << 40, 1 << 40)
    return [seq for first, count, _ in page.blocks for seq in range(max(first, page.start), first + count)]


@pytest.fixture
def store() -> Iterator[Store]:
    with contextlib.closing(Store.memory(RUN)) as store:
        yield store


def test_a_reopened_store_holds_what_was_committed(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        blocks = [block("lobby", 1, 3), block("lobby", 4, 1, kind="data"), block("é", 1, 2)]
        store.commit(Batch(blocks, {(KEY, "lobby"): 4, (KEY, "empty"): 1}), 5.0)
    with contextlib.closing(open_store(tmp_path, "b" * 32)) as store:
        loaded = store.load()
        assert store.run == RUN
        assert [(room.name, room.next_seq, room.run_start, room.last) for room in loaded.rooms] == [
            ("lobby", 5, 1, {"msg": 3, "data": 4}),
            ("é", 3, 1, {"msg": 2}),
            ("empty", 1, 1, {}),
        ]
        assert loaded.publishers == {(KEY, "lobby"): 4, (KEY, "empty"): 1}
        assert store.page("lobby", 0, 10, 1000).blocks == [(1, 3, b"lobby/1 "), (4, 1, b"lobby/4 ")]
        assert store.page("é", 1, 10, 1000).blocks == [(1, 2, "é/1 ".encode())]
        store.commit(Batch([block("lobby", 5, 1)], {(KEY, "lobby"): 5}), 6.0)
        assert store.load().publishers[KEY, "lobby"] == 5


@pytest.mark.parametrize("wrong", [block("lobby", 3, 1), block("lobby", 1, 1), block("lobby", 2, 0)])
def test_a_hole_in_a_batch_is_a_mistake_and_stores_nothing(store: Store, wrong: LogBlock) -> None:
    with pytest.raises(ValueError, match=r"seq \d does not follow 1 in lobby"):
        store.commit(Batch([block("lobby", 1, 1), wrong]), 0.0)
    assert store.load().rooms == []
    store.commit(Batch([block("lobby", 1, 2)]), 0.0)
    assert seqs(store, "lobby") == [1, 2]


def test_what_load_gives_may_be_changed_without_harm(store: Store) -> None:
    store.commit(Batch([block("lobby", 1, 1)]), 0.0)
    store.load().rooms[0].last["msg"] = 99
    assert store.load().rooms[0].last == {"msg": 1}


def test_a_large_block(store: Store) -> None:
    store.commit(Batch([block("lobby", 1, 20_000, size=6_000_000)]), 0.0)
    ((first, count, body),) = store.page("lobby", 19_990, 100, 1 << 20).blocks
    assert (first, count, len(body)) == (1, 20_000, 6_000_000)


def test_keys_are_kept_until_they_age(store: Store) -> None:
    other = b"o" * 32
    store.enrol(KEY, IDENTITY, 100.0)
    store.enrol(other, IDENTITY, 100.0)
    store.commit(Batch([block("lobby", 1, 1)], {(KEY, "lobby"): 1, (other, "lobby"): 1}), 100.0)
    store.touch([KEY], 150.0)
    assert store.prune(200.0, enrolled_s=60.0, publishers_s=60.0) == [other]
    loaded = store.load()
    assert loaded.enrolled == {KEY: IDENTITY}
    assert loaded.publishers == {(KEY, "lobby"): 1}
    store.unenrol(KEY)
    assert store.load().enrolled == {}


def test_how_the_clock_was_seen_is_there_for_whoever_opens_next(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        assert store.clock.read() is None
        store.clock.keep(ClockRecord(1e9, 2e9))
        store.clock.keep(ClockRecord(1e9, 3e9))
    with contextlib.closing(open_store(tmp_path)) as store:
        assert store.clock.read() == ClockRecord(1e9, 3e9)


def test_a_database_from_before_the_clock_was_kept_opens(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        store.enrol(KEY, IDENTITY, 0.0)
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("DROP TABLE clock")
        db.commit()
    with contextlib.closing(open_store(tmp_path)) as store:
        assert store.clock.read() is None
        assert store.load().enrolled == {KEY: IDENTITY}, "nothing goes for its age by being opened"


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
        store.commit(Batch([block("lobby", 1, 1)]), 0.0)


# Gathering -----------------------------------------------------------------------------------------------------


def crash(store: Store) -> None:
    """Lets everything go as a killed process does: nothing is gathered, nothing marked."""
    assert store._checkpoints is not None
    assert store._folder is not None
    store._checkpoints.close()
    store._db.close()
    store._folder.close()


def test_a_small_commit_writes_its_block_and_nothing_else(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        store.commit(Batch([block("lobby", 1, 1)], {(KEY, "lobby"): 1}), 0.0)
        tables = set()

        def seen(action: int, table: str | None, *_: str | None) -> int:
            if action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE):
                tables.add(table)
            return sqlite3.SQLITE_OK

        store._db.set_authorizer(seen)
        store.commit(Batch([block("lobby", 2, 1)], {(KEY, "lobby"): 2}), 0.0)
        assert tables == {"log"}


@pytest.mark.parametrize("commits", [1, 2, 64, 65, 66, 67, 200])
def test_what_is_not_gathered_is_found_in_the_blocks(tmp_path: Path, commits: int) -> None:
    other = b"o" * 32
    store = open_store(tmp_path)
    for seq in range(1, commits + 1):
        kind, key = ("msg", KEY) if seq % 3 else ("data", other)
        store.commit(Batch([block("lobby", seq, 1, kind=kind), block("side", seq, 1)], {(key, "lobby"): seq}), 0.0)
    before = store.load()
    crash(store)
    with contextlib.closing(open_store(tmp_path)) as store:
        after = store.load()
        assert (after.rooms, after.publishers) == (before.rooms, before.publishers)
        assert seqs(store, "lobby") == seqs(store, "side") == list(range(1, commits + 1))


def test_a_number_without_a_block_outlasts_the_blocks_before_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit(Batch([block("lobby", 1, 1)], {(KEY, "lobby"): 1}), 0.0)
    store.commit(Batch([block("lobby", 2, 1)], {(KEY, "lobby"): 2}), 0.0)
    store.commit(Batch([], {(KEY, "lobby"): 7}), 0.0)
    crash(store)
    with contextlib.closing(open_store(tmp_path)) as store:
        assert store.load().publishers == {(KEY, "lobby"): 7}
        assert store.load().rooms[0].next_seq == 3


def test_what_retention_takes_away_was_gathered(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for seq in (1, 2, 3):
        store.commit(Batch([block("lobby", seq, 1)], {(KEY, "lobby"): seq}), 0.0)
    assert store.retain(100.0, 10, 1.0, 10) == 3
    crash(store)
    with contextlib.closing(open_store(tmp_path)) as store:
        loaded = store.load()
        assert loaded.publishers == {(KEY, "lobby"): 3}
        assert (loaded.rooms[0].next_seq, loaded.rooms[0].start, loaded.rooms[0].last) == (4, 4, {"msg": 3})


def test_numbers_that_are_not_gathered_are_touched_too(store: Store) -> None:
    for seq in (1, 2):
        store.commit(Batch([block("lobby", seq, 1)], {(bytes([seq]) * 32, "lobby"): seq}), 0.0)
    store.touch([b"\2" * 32], 100.0)
    store.prune(120.0, publishers_s=60.0)
    assert store.load().publishers == {(b"\2" * 32, "lobby"): 2}


WRITER = """
import sys
from pathlib import Path
from sandpiper.broker.records import Batch, LogBlock
from sandpiper.broker.store.store import Store

store = Store.open(Path(sys.argv[1]), fsync=False, boot_id="boot", new_run="a" * 32)
seq = {room.name: room.next_seq for room in store.load().rooms}
while True:
    for room, count in (("lobby", 7), ("side", 1), ("lobby", 300)):
        first = seq.get(room, 1)
        head = first + count - 1
        block = LogBlock(room, first, count, 0, {"msg": head}, b"%d" % first + b"." * 500 * count)
        store.commit(Batch([block], {(b"k" * 32, room): head}), 0.0)
        seq[room] = first + count
        print(room, head, flush=True)
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
                if count == 400:  # past a checkpoint
                    writer.kill()
        assert len(printed) == 2
        with contextlib.closing(open_store(data, "b" * 32)) as store:
            assert store.run == RUN
            loaded = store.load()
            for room in loaded.rooms:
                stored = store.page(room.name, 0, 1 << 40, 1 << 40)
                assert stored.head >= printed[room.name]
                assert room.last == {"msg": stored.head}
                assert seqs(store, room.name) == list(range(1, stored.head + 1))
                assert all(body == b"%d" % first + b"." * 500 * count for first, count, body in stored.blocks)
                assert loaded.publishers[KEY, room.name] == stored.head


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(1, 9), max_size=3))),
        st.tuples(st.just("retain"), st.tuples(st.integers(0, 40), st.integers(0, 20), st.integers(1, 50))),
        st.tuples(st.just("reopen"), st.sampled_from(["boot", "later"])),
        st.tuples(st.just("crash"), st.none()),
        st.tuples(st.just("touch"), st.none()),
        st.tuples(st.just("run"), st.none()),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_happens_each_log_is_contiguous_up_to_its_head(steps: list[tuple[str, object]]) -> None:
    heads: dict[str, int] = {}
    numbers: dict[tuple[bytes, str], int] = {}
    starts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sandpiper.broker.store.store.STORE_GATHER_BLOCKS", 3)
        store = open_store(Path(name))
        try:
            for now, (step, what) in enumerate(steps):
                if step == "commit" and isinstance(what, dict):
                    blocks = []
                    for room, counts in what.items():
                        for count in counts:
                            blocks.append(block(room, heads.get(room, 0) + 1, count, now))
                            heads[room] = heads.get(room, 0) + count
                        heads.setdefault(room, 0)
                    published = {(KEY, room): now + 1 for room in what}
                    store.commit(Batch(blocks, published), now)
                    numbers |= published
                elif step == "retain" and isinstance(what, tuple):
                    messages, age, chunk = what
                    gone = store.retain(now, messages, age, chunk)
                    assert gone == sum(store.start(room) - starts[room] for room in heads) <= chunk
                elif step == "touch":
                    store.touch([KEY], now)
                elif step == "run":
                    store.new_run(f"{now:032x}")
                    assert all(room.run_start == room.next_seq for room in store.load().rooms)
                else:
                    crash(store) if step == "crash" else store.close()
                    store = Store.open(Path(name), fsync=False, boot_id=str(what), new_run=f"{now:032x}")
                    assert {room: store.start(room) for room in heads} == starts
                loaded = store.load()
                assert loaded.publishers == numbers
                for row in loaded.rooms:
                    assert row.last == ({"msg": heads[row.name]} if heads[row.name] else {})
                for room, head in heads.items():
                    assert store.page(room, 0, 1, 1).head == head
                    assert seqs(store, room) == list(range(store.start(room), head + 1))
                starts = {room: store.start(room) for room in heads}
        finally:
            store.close()
