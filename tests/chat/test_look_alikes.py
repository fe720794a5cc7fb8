from __future__ import annotations

from sandpiper.chat.look_alikes import LookAlikes
from sandpiper.common.limits import NAMES_SEEN


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
