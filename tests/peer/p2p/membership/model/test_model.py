"""A part of the model, for each run of the suite; `make model` runs all of it."""

from __future__ import annotations

import pytest

from tests.peer.p2p.membership.model.hunt import hunt
from tests.peer.p2p.membership.model.lives import Life
from tests.peer.p2p.membership.model.mutants import MUTANTS
from tests.peer.p2p.membership.model.small_worlds import OPENINGS, Rules, Walk


def test_the_smallest_worlds_hold_all_of_them() -> None:
    assert len(Walk(depth=2).through("nothing yet").worlds) == 77
    assert len(Walk(depth=2).through("a plain member let another in").worlds) == 1681


@pytest.mark.parametrize("opening", OPENINGS)
def test_small_worlds_hold(opening: str) -> None:
    assert Walk(depth=1).through(opening).worlds
    assert Walk(depth=1, wild=True).through(opening).worlds
    assert len(Walk(depth=2, width=20).through(opening).worlds) > 70


@pytest.mark.parametrize("opening", OPENINGS)
def test_larger_worlds_hold(opening: str) -> None:
    assert len(Walk(depth=3, width=6).through(opening).worlds) > 80
    assert len(Walk(depth=6, width=2, wild=True).through(opening).worlds) > 80


def test_lives_with_liars_hold() -> None:
    told = [Life(Rules(), seed).live() for seed in range(60)]
    assert any(each.waiting for each in told)
    assert any(each.due for each in told)
    assert max(each.heads for each in told) > 1


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_caught(name: str) -> None:
    assert hunt(MUTANTS[name]) != ""
