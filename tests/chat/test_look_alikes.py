# ruff: noqa: RUF001  # look-alikes are what is tested
from __future__ import annotations

import pytest

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.common.limits import NAMES_SEEN
from sandpiper.common.nicks import fold


def test_the_later_of_two_similar_nicks_is_marked_and_little_is_remembered() -> None:
    look_alikes = LookAlikes()
    assert look_alikes.alike("paypal") == ""
    assert look_alikes.alike("PayPal") == ""
    assert look_alikes.alike("p\u0430ypal") == "paypal"
    assert look_alikes.alike("p\u0430ypal") == "paypal"
    for number in range(3000):
        look_alikes.alike(f"user{number}x")
    assert len(look_alikes._first) <= 2 * NAMES_SEEN
    assert len(look_alikes._alike) <= NAMES_SEEN


def test_the_first_nick_is_known_when_a_similar_one_comes_second() -> None:
    look_alikes = LookAlikes()
    assert look_alikes.alike("p\u0430ypal") == ""
    assert look_alikes.alike("paypal") == "p\u0430ypal"
    assert look_alikes.alike("p\u0430ypal") == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("аlice", "alice"),
        ("alice", "аlice"),
        ("АLICE", "alice"),
        ("rnike", "mike"),
        ("MIKE", "RNIKE"),
        ("b0b", "bob"),
        ("B0B", "bOb"),
        ("paul", "pauI"),
        ("pau1", "paul"),
        ("pau|", "paul"),
        ("ΡΑUL", "paul"),
        ("ѕаm", "sam"),
    ],
)
def test_look_alikes(one: str, other: str) -> None:
    assert fold(one) != fold(other)
    for first, second in ((one, other), (other, one)):
        look_alikes = LookAlikes()
        assert [look_alikes.alike(each) for each in ("zoe", first, second)] == ["", "", first]


def test_the_same_nick_is_no_look_alike_of_itself() -> None:
    look_alikes = LookAlikes()
    assert not any(look_alikes.alike(each) for each in ("Alice", "alice", "ALICE", "Ａlice", "bob"))
