"""A past says what a set of the same deeds says, in less room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandpiper.peer.p2p.membership.past import NOTHING, DeedPast, joined, members_beyond, past_of, shared

Graph = list[tuple[DeedPast, set[int]]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draws a graph: of each deed its past, and the same as a set."""
    found: Graph = []
    for at in range(draw(st.integers(1, 24))):
        tips = draw(st.sets(st.integers(0, at - 1), min_size=1, max_size=3)) if at else set()
        known = set[int]().union(*(found[tip][1] | {tip} for tip in tips))
        found.append((past_of([(tip, found[tip][0]) for tip in tips], at), known))
    return found


def members(past: DeedPast, most: int = 40) -> set[int]:
    return {at for at in range(most) if at in past}


@given(graphs())
def test_a_past_is_what_its_tips_knew_and_they(graph: Graph) -> None:
    for past, known in graph:
        assert members(past) == known


@given(graphs(), st.data())
def test_pasts_are_joined_shared_and_subtracted_as_sets(graph: Graph, data: st.DataObject) -> None:
    one, ones = data.draw(st.sampled_from(graph))
    other, others = data.draw(st.sampled_from(graph))
    first = data.draw(st.integers(0, 30))
    assert members(joined(one, other)) == ones | others
    assert members(joined(NOTHING, other)) == others
    assert members(shared([one, other])) == ones & others
    assert members(shared([one])) == ones
    assert list(members_beyond(one, other, first)) == sorted(at for at in ones - others if at >= first)
    assert members(joined(shared([one, other]), joined(other, one))) == ones | others


def test_an_honest_past_takes_a_few_octets_however_many_deeds_there_are() -> None:
    pasts = [past_of([], 0)]
    for at in range(1, 5000):
        tips = {at - 1} if at % 7 else {max(0, at - 2)}  # now and then two write at once
        tips |= {at - 2} if at % 7 == 1 and at > 1 else set()
        pasts.append(past_of([(tip, pasts[tip]) for tip in tips], at))
    assert all(past.absent.bit_length() < 8 for past in pasts)
