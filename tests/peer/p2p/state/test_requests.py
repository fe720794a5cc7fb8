"""Each number that a peer asks by is answered once."""

from __future__ import annotations

import random

from sandpiper.common.limits import REQUESTS_KNOWN
from sandpiper.common.p2p.envelope import TALK
from sandpiper.common.p2p.packets import Pull
from sandpiper.peer.p2p.state.peer import Way
from sandpiper.peer.p2p.state.requests import Requests
from tests.peer.p2p.hostile import three


def test_each_number_is_new_once_in_any_order() -> None:
    requests, numbers = Requests(), list(range(1, REQUESTS_KNOWN)) * 2
    random.Random(1).shuffle(numbers)
    assert sum(map(requests.is_new, numbers)) == REQUESTS_KNOWN - 1
    assert requests.is_new(1 << 60)
    assert not requests.is_new(5)
    assert requests._seen.bit_length() <= REQUESTS_KNOWN


def test_a_request_that_a_relay_says_again_is_answered_once() -> None:
    town, alice, bob, _ = three()
    for _ in range(40):
        town.post(alice, "x" * 5000)
    town.settle(3)
    packet = bob.member.keyring.to_one(alice.keys.session, Pull(1 << 20, alice.keys.session, TALK, 0))
    for way in [Way.MESH, *[Way.RELAY] * 1000]:
        alice.member.receive(packet, way, town.now)
    (page,) = alice.member.take().packets
    assert len(page.packet) > 100_000
    bob.member.leave()  # and not after it has gone and come back either
    town.collect(bob)
    town.settle(2)
    alice.member.receive(packet, Way.RELAY, town.now)
    assert all(len(out.packet) < 100_000 for out in alice.member.take().packets)
