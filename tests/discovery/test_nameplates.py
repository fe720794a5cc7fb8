"""Nameplates: short ones first, none that is somebody's, and bounded memory."""

from __future__ import annotations

import random

import pytest

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import ROOM_EXPIRES_S
from sandpiper.discovery.nameplates import Nameplates


def made() -> Nameplates:
    return Nameplates(random.Random(3))


def fill(nameplates: Nameplates, count: int) -> list[int]:
    taken = []
    for _ in range(count):
        number = nameplates.propose()
        nameplates.hold(number)
        taken.append(number)
    return taken


def test_they_grow_as_they_fill() -> None:
    taken = fill(made(), 1000)
    assert len(set(taken)) == 1000
    assert [len(str(number)) for number in taken] == [2] * 45 + [3] * 450 + [4] * 505
    assert min(taken) >= 10


def test_they_are_not_in_a_row() -> None:
    taken = fill(made(), 20)
    assert sorted(taken) != taken
    assert fill(Nameplates(random.Random(4)), 20) != taken


def test_who_was_cut_off_keeps_the_number_for_a_day() -> None:
    nameplates = made()
    taken = fill(nameplates, 45)
    for number in taken:
        nameplates.let_go(number, 0.0, reserve=True)
    assert (len(nameplates), nameplates.reserved) == (0, 45)
    assert len(str(nameplates.propose())) == 3
    nameplates.hold(taken[0])
    assert (len(nameplates), nameplates.reserved) == (1, 44)
    nameplates.tick(ROOM_EXPIRES_S)
    assert nameplates.reserved == 0
    assert len(str(nameplates.propose())) == 2


def test_who_left_keeps_nothing() -> None:
    nameplates = made()
    (number,) = fill(nameplates, 1)
    for _ in range(2):
        nameplates.let_go(number, 0.0, reserve=False)
    assert (len(nameplates), nameplates.reserved) == (0, 0)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.discovery.nameplates.RESERVED", 5)
    nameplates = made()
    for number in range(100, 200):
        nameplates.hold(number)
        nameplates.let_go(number, 0.0, reserve=True)
    assert nameplates.reserved == 5


def test_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.discovery.nameplates._LONGEST", 2)
    nameplates = made()
    fill(nameplates, 45)
    with pytest.raises(Refusal) as caught:
        nameplates.propose()
    assert caught.value.code is Code.TOO_MANY
