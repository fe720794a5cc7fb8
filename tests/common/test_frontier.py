from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandpiper.common import frontier as module
from sandpiper.common.frontier import Frontier


def test_in_order_everything_comes_out_at_once() -> None:
    frontier: Frontier[str] = Frontier(3)
    assert [frontier.push(seq, str(seq)) for seq in (4, 5, 6)] == [["4"], ["5"], ["6"]]
    assert (frontier.seq, frontier.head, frontier.gap) == (6, 6, False)


def test_what_is_beyond_a_hole_waits_for_it() -> None:
    frontier: Frontier[str] = Frontier(0)
    assert frontier.push(3, "c") == frontier.push(2, "b") == []
    assert (frontier.gap, frontier.missing) == (True, (1, 1))
    assert frontier.push(1, "a") == ["a", "b", "c"]
    assert not frontier.gap


def test_doubles_come_out_once() -> None:
    frontier: Frontier[str] = Frontier(0)
    assert [frontier.push(seq, str(seq)) for seq in (1, 1, 3, 3, 2, 3, 2)] == [["1"], [], [], [], ["2", "3"], [], []]


def test_the_first_hole_is_named() -> None:
    frontier: Frontier[str] = Frontier(1)
    frontier.push(5, "e")
    frontier.push(9, "i")
    assert frontier.missing == (2, 4)
    frontier.head = 12
    for seq in (2, 3, 4):
        frontier.push(seq, "x")
    assert frontier.missing == (6, 8)
    assert frontier.skip(9) == (3, ["i"])
    assert frontier.missing == (10, 12)


def test_skipping_counts_what_is_not_held() -> None:
    frontier: Frontier[str] = Frontier(0)
    for seq in (2, 4, 5, 8):
        frontier.push(seq, str(seq))
    assert frontier.skip(4) == (2, ["2", "4", "5"])
    assert frontier.skip(3) == (0, [])
    assert frontier.skip(20) == (14, ["8"])
    assert (frontier.seq, frontier.head, frontier.gap) == (20, 20, False)


def test_advancing_is_for_what_is_next_with_nothing_held() -> None:
    frontier: Frontier[str] = Frontier(0)
    assert frontier.advance(1)
    assert not frontier.advance(1)
    assert not frontier.advance(3)
    frontier.push(3, "c")
    assert not frontier.advance(2)
    assert frontier.push(2, "b") == ["b", "c"]
    assert frontier.advance(4)
    assert (frontier.seq, frontier.head) == (4, 4)


def test_what_is_held_is_bounded_and_the_newest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READER_BUFFER_ENTRIES", 3)
    frontier: Frontier[int] = Frontier(0)
    for seq in (9, 8, 7, 6, 5):
        frontier.push(seq, seq)
    assert frontier.skip(4) == (4, [5, 6, 7])
    assert (frontier.gap, frontier.missing) == (True, (8, 9))


@given(st.integers(0, 50), st.lists(st.tuples(st.sampled_from(["push", "skip", "advance"]), st.integers(-5, 80))))
def test_each_seq_comes_out_once_and_in_order(start: int, deeds: list[tuple[str, int]]) -> None:
    frontier: Frontier[int] = Frontier(start)
    out: list[int] = []
    lost, pushed = 0, set()
    for deed, seq in deeds:
        before = frontier.seq
        if deed == "skip":
            missing, items = frontier.skip(seq)
            lost += missing
        elif deed == "advance":
            items = [seq] if frontier.advance(seq) else []
            pushed.update(items)
        else:
            items = frontier.push(seq, seq)
            pushed.add(seq)
        assert all(before < item <= frontier.seq for item in items)
        assert frontier.head >= frontier.seq >= before
        out += items
    assert out == sorted(set(out))
    assert set(out) <= pushed
    assert len(out) + lost == frontier.seq - start
    held = sorted(seq for seq in pushed if seq > frontier.seq)
    if frontier.gap:
        assert frontier.missing == (frontier.seq + 1, min(held, default=frontier.head + 1) - 1)
    missing, rest = frontier.skip(frontier.head)
    assert rest == held
    assert not frontier.gap


def test_what_hangs_together_is_given_out_together() -> None:
    frontier: Frontier[str] = Frontier(0)
    assert frontier.push(4, "4-6", 6) == []
    assert (frontier.head, frontier.holding) == (6, True)
    assert frontier.push(1, "1-3", 3) == ["1-3", "4-6"]
    assert (frontier.seq, frontier.gap, frontier.holding) == (6, False, False)
    assert frontier.advance(7, 9)
    assert frontier.push(8, "8", 8) == []


def test_a_skip_passes_what_hangs_together_whole() -> None:
    frontier: Frontier[str] = Frontier(0)
    frontier.push(3, "3-5", 5)
    frontier.push(9, "9", 9)
    assert frontier.skip(4) == (2, ["3-5"])
    assert frontier.seq == 5
    assert frontier.skip(9) == (3, ["9"])
