from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sandpiper.common.frontier import Frontier
from sandpiper.common.limits import FETCH_MOST_S, FETCH_TIMEOUT_S, REORDER_S
from sandpiper.common.repair import Fetch, Repair, Repaired, RepairState


def holed(held: int = 3) -> Repair[int]:
    """Has up to 0 and holds `held`, at time 0."""
    repair: Repair[int] = Repair(Frontier(0))
    repair.frontier.push(held, held)
    repair.noticed(0.0)
    return repair


def entries(*seqs: int) -> list[tuple[int, int, int]]:
    return [(seq, seq, seq) for seq in seqs]


def test_without_a_hole_nothing_is_asked() -> None:
    repair: Repair[int] = Repair(Frontier(0))
    repair.frontier.push(1, 1)
    repair.noticed(0.0)
    repair.fetch_now(0.0)
    repair.reaches(1, 0.0)
    repair.handle_timer(99.0)
    assert (repair.state, repair.fetch, repair.get_timer()) == (RepairState.CURRENT, None, None)


def test_a_hole_may_be_mere_reordering() -> None:
    repair = holed(2)
    assert (repair.state, repair.fetch, repair.get_timer()) == (RepairState.WAITING, None, REORDER_S)
    repair.handle_timer(REORDER_S - 0.01)
    assert repair.fetch is None
    repair.frontier.push(1, 1)
    repair.noticed(0.01)
    assert (repair.state, repair.get_timer()) == (RepairState.CURRENT, None)


def test_then_it_is_asked_for_and_filled() -> None:
    repair = holed()
    repair.handle_timer(REORDER_S)
    assert (repair.state, repair.fetch) == (RepairState.FETCHING, Fetch(0))
    assert repair.page(0, 1, 3, entries(1, 2, 3), 0.1) == Repaired([1, 2, 3])
    assert (repair.state, repair.fetch, repair.get_timer()) == (RepairState.CURRENT, None, None)


def test_it_is_asked_again_and_more_rarely_until_somebody_answers() -> None:
    repair = holed()
    now, waits = REORDER_S, []
    repair.handle_timer(now)
    for _ in range(5):
        repair.fetch = None
        due = repair.get_timer()
        assert due is not None
        waits.append(round(due - now, 6))
        now = due
        repair.handle_timer(now)
        assert repair.fetch == Fetch(0)
    assert waits == [FETCH_TIMEOUT_S, 2 * FETCH_TIMEOUT_S, 4 * FETCH_TIMEOUT_S, FETCH_MOST_S, FETCH_MOST_S]
    repair.page(0, 1, 9, entries(1), now)
    assert repair.get_timer() == now + FETCH_TIMEOUT_S


def test_page_by_page() -> None:
    repair: Repair[int] = Repair(Frontier(0))
    repair.reaches(5, 0.0)
    repair.fetch_now(0.0)
    assert repair.fetch == Fetch(0)
    assert repair.page(0, 1, 5, entries(1, 2), 0.1).items == [1, 2]
    assert repair.fetch == Fetch(2)
    assert repair.page(2, 1, 6, entries(3, 4, 5), 0.2).items == [3, 4, 5]
    assert repair.fetch == Fetch(5)
    assert repair.page(5, 1, 6, entries(6), 0.3).items == [6]
    assert repair.state is RepairState.CURRENT


def test_what_nobody_has_is_counted_as_lost() -> None:
    repair = holed(9)
    repair.handle_timer(1.0)
    assert repair.page(0, 1, 9, entries(2, 5, 6, 7, 8), 1.0) == Repaired([2, 5, 6, 7, 8, 9], lost=3)
    repair.reaches(12, 2.0)
    repair.fetch_now(2.0)
    assert repair.page(9, 1, 12, [], 2.0) == Repaired([], lost=3)
    assert repair.state is RepairState.CURRENT


def test_retention_is_no_loss() -> None:
    repair = holed(9)
    repair.handle_timer(1.0)
    assert repair.page(0, 6, 9, entries(6, 7, 8, 9), 1.0) == Repaired([6, 7, 8, 9], trimmed_to=6)


def test_a_log_that_was_trimmed_whole() -> None:
    repair: Repair[int] = Repair(Frontier(2))
    repair.reaches(5, 0.0)
    repair.fetch_now(0.0)
    assert repair.page(2, 6, 5, [], 0.0) == Repaired([], trimmed_to=6)
    assert repair.state is RepairState.CURRENT


def test_stragglers_that_come_while_asking() -> None:
    repair = holed(4)
    repair.handle_timer(1.0)
    assert repair.frontier.push(1, 1) == [1]
    repair.noticed(1.0)
    assert repair.page(0, 1, 4, entries(1, 2, 3, 4), 1.0).items == [2, 3, 4]


def test_a_hole_filled_while_asking_rests_when_the_timer_rings() -> None:
    repair = holed(2)
    repair.handle_timer(1.0)
    repair.frontier.push(1, 1)
    repair.noticed(1.1)
    repair.handle_timer(99.0)
    assert (repair.state, repair.get_timer()) == (RepairState.CURRENT, None)


def test_a_head_that_the_log_does_not_have_is_not_asked_for_without_pause() -> None:
    repair: Repair[int] = Repair(Frontier(3))
    repair.reaches(4, 0.0)
    repair.fetch_now(0.0)
    repair.fetch = None
    assert repair.page(3, 1, 3, [], 0.1) == Repaired([])
    assert repair.fetch is None
    assert repair.get_timer() == FETCH_TIMEOUT_S
    repair.handle_timer(FETCH_TIMEOUT_S)
    assert repair.fetch == Fetch(3)
    repair.fetch = None
    assert repair.page(3, 1, 4, entries(4), 3.0).items == [4]


def test_a_second_answer_does_not_double_the_questions() -> None:
    repair: Repair[int] = Repair(Frontier(0))
    repair.reaches(9, 0.0)
    repair.fetch_now(0.0)
    repair.handle_timer(FETCH_TIMEOUT_S)
    repair.page(0, 1, 9, entries(1, 2), 3.0)
    assert repair.fetch == Fetch(2)
    repair.fetch = None
    repair.page(0, 1, 9, entries(1, 2), 3.1)
    assert repair.fetch is None


def test_an_interruption_forgets_what_was_asked() -> None:
    repair = holed()
    repair.handle_timer(1.0)
    repair.interrupted()
    assert (repair.state, repair.fetch, repair.get_timer()) == (RepairState.CURRENT, None, None)
    repair.noticed(2.0)
    assert repair.state is RepairState.WAITING


PAGES = st.tuples(
    st.integers(-3, 30), st.integers(-3, 30), st.integers(-3, 30), st.lists(st.integers(-3, 40), max_size=8)
)


@settings(max_examples=300)
@given(st.lists(st.one_of(st.integers(-3, 30), PAGES, st.sampled_from(["timer", "cut", "reach"])), max_size=30))
def test_whatever_a_server_answers_it_ends_current_or_asks_again(deeds: list[object]) -> None:
    repair: Repair[int] = Repair(Frontier(0))
    now, out = 0.0, []
    for deed in deeds:
        now += 0.5
        if isinstance(deed, int):
            out += repair.frontier.push(deed, deed)
            repair.noticed(now)
        elif isinstance(deed, tuple):
            after, start, head, seqs = deed
            repaired = repair.page(after, start, head, [(seq, seq, seq) for seq in seqs], now)
            assert repaired.lost >= 0
            out += repaired.items
        elif deed == "timer":
            repair.handle_timer(now)
        elif deed == "cut":
            repair.interrupted()
            repair.noticed(now)
        else:
            repair.reaches(repair.frontier.head + 2, now)
        assert (repair.state is RepairState.CURRENT) == (repair.get_timer() is None)
        assert repair.state is not RepairState.CURRENT or not repair.frontier.gap
    assert out == sorted(set(out))
    # An honest one from here on: all is filled, in as many questions as there are pages.
    head, asked = repair.frontier.head, 0
    while repair.frontier.gap:
        repair.fetch = None
        due = repair.get_timer()
        assert due is not None
        now = max(now, due)
        repair.handle_timer(now)
        while repair.fetch is not None:
            asked += 1
            after = repair.fetch.after
            repair.fetch = None
            page = [(seq, seq, seq) for seq in range(after + 1, min(after + 6, head + 1))]
            out += repair.page(after, 1, head, page, now).items
        assert asked < 40
    assert repair.frontier.seq == head or not deeds
    assert out == sorted(set(out))
