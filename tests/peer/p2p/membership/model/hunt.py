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
    for depth, share, wild in ((1, 1.0, False), (1, 1.0, True), (2, 0.06, False)):
        yield from _worlds(rules, depth, share, wild=wild)
    for seed in range(60):
        yield f"a life, {seed}", Life(rules, seed).live
    for depth, share, wild in ((2, 0.3, False), (2, 0.1, True), (3, 0.02, False)):
        yield from _worlds(rules, depth, share, wild=wild)
    for seed in range(60, 400):
        yield f"a life, {seed}", Life(rules, seed).live


def _worlds(rules: Rules, depth: int, share: float, *, wild: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    for opening in OPENINGS:
        yield f"{opening}, {depth} more", partial(Walk(rules, depth, share, wild=wild).through, opening)
