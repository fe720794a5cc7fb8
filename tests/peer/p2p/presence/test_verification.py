"""Two people compare words, and know that nobody is in between."""

from __future__ import annotations

import pytest

from sandpiper.common.errors import Refusal
from tests.peer.p2p.simnet import Town


def test_verify_shows_both_the_same_words() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(2)
    (one,) = alice.member.verifier.words("bob")
    (other,) = bob.member.verifier.words("alice")
    assert one.phrase == other.phrase
    assert len(one.phrase.split()) == 6


def test_one_s_own_window_is_not_another_person() -> None:
    town = Town()
    alice = town.found("alice")
    town.join("alice", identity=alice.keys.identity)
    town.settle(2)
    with pytest.raises(Refusal, match="alice is you, in another window of yours"):
        alice.member.verifier.words("alice")
