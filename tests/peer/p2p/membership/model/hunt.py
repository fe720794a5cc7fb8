"""The hunt: looks for a world or a life in which a rule breaks a law."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tests.peer.p2p.membership.model.laws import Broken
from tests.peer.p2p.membership.model.lives import Life
from tests.peer.p2p.membership.model.small_worlds import OPENINGS, Rules, Walk


def hunt(rules: Rules) -> str:
    """Returns how a rule is caught, empty if it is not: the smallest worlds first."""
    for name, look in _places(rules):
        try:
            look()
        except (Broken, RecursionError) as broken:
            return f"{broken} [{name}]"
    return ""


def _places(rules: Rules) -> Iterator[tuple[str, Callable[[], Any]]]:
    for wild in (False, True):
        yield from _worlds(rules, 1, 0, wild=wild)
    yield "keys, 2 more", partial(Walk(rules, 2, 40).through, "one is let in before a key, and after it")
    for seed in range(60):
        yield f"a life, {seed}", Life(rules, seed).live
    yield from _worlds(rules, 2, 40)
    for seed in range(5):
        yield from _worlds(rules, 3, 8, seed=seed)
        yield from _worlds(rules, 4, 4, seed=seed, wild=True)
    for seed in range(60, 400):
        yield f"a life, {seed}", Life(rules, seed).live


def _worlds(
    rules: Rules, depth: int, width: int, *, seed: int = 1, wild: bool = False
) -> Iterator[tuple[str, Callable[[], Any]]]:
    for opening in OPENINGS:
        yield f"{opening}, {depth} more", partial(Walk(rules, depth, width, seed, wild=wild).through, opening)
