"""How long what is said of the paths is true: nobody looks again before that, unless something moves."""

from __future__ import annotations

import hashlib
import math
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from nacl.signing import SigningKey

from sandpiper.common.limits import DIRECT_S, RELAY_AFTER_S
from sandpiper.common.p2p.keys import Keys
from sandpiper.common.p2p.packets import Card
from sandpiper.peer.p2p.connectivity import Connectivity
from sandpiper.peer.p2p.state.peer import Peer, PeerState, Way

NOW = 1000.0


def peer(state: PeerState = PeerState.PRESENT, **changes: Any) -> Peer:
    def key(name: str) -> bytes:
        return hashlib.sha256(name.encode()).digest()

    identity = bytes(SigningKey(key("identity")).verify_key)
    made = Peer(Keys(identity, key("session"), key("box"), key("curve"), b"", b""), NOW - 60)
    made.state = state
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def holds_until(*peers: Peer) -> float:
    present = {bytes([number]): each for number, each in enumerate(peers)}
    transport: Any = SimpleNamespace(links=dict)
    connectivity = Connectivity(transport)
    connectivity.changed(present, NOW)
    return connectivity.holds_until(present, NOW)


def test_a_service_that_is_given_up_is_not_kept() -> None:
    transport: Any = SimpleNamespace(links=dict)
    service: Any = Mock(up=True)
    connectivity = Connectivity(transport)
    connectivity.lease(service, {b"one"})
    assert connectivity.present() == {b"one"}
    connectivity.lease(service, set())
    assert connectivity.leased == {}


def test_whoever_has_a_lease_and_is_not_heard_any_more_is_not_reached() -> None:
    """A relay has died: the other is there, and what was said to it is not gone."""
    connectivity = Connectivity(SimpleNamespace(links=dict))
    silent, here = peer(PeerState.GONE, heard={Way.RELAY: NOW - 20}), peer(PeerState.PRESENT, heard={Way.RELAY: NOW})
    peers = {b"silent": silent, b"here": here, b"left": peer(PeerState.GONE)}
    connectivity.lease(Mock(up=True), {b"silent", b"here"})
    assert connectivity.unreached(peers) == [silent]


def test_alone_it_is_true_until_somebody_comes() -> None:
    assert holds_until() == math.inf
    assert holds_until(peer(PeerState.LEFT), peer(PeerState.GONE)) == math.inf


def test_somebody_expected_may_come_at_any_time() -> None:
    assert holds_until(peer(PeerState.EXPECTED)) == NOW


def test_direct_it_is_true_until_either_direction_would_be_silent_for_too_long() -> None:
    hears = {Way.MESH: NOW - 1}
    assert holds_until(peer(heard=hears, hears_us_at=NOW)) == NOW - 1 + DIRECT_S
    assert holds_until(peer(heard=hears, hears_us_at=NOW - 2)) == NOW - 2 + DIRECT_S
    both = peer(heard=hears, hears_us_at=NOW), peer(heard=hears, hears_us_at=NOW - 2)
    assert holds_until(*both) == NOW - 2 + DIRECT_S


def test_somebody_new_has_a_while_to_say_that_it_hears_us() -> None:
    assert holds_until(peer(heard={Way.MESH: NOW}, known_at=NOW - 1)) == NOW - 1 + RELAY_AFTER_S


@pytest.mark.parametrize("way", [Way.RELAY, Way.HEARSAY])
def test_whoever_is_not_reached_directly_may_be_so_at_any_time(way: Way) -> None:
    assert holds_until(peer(heard={way: NOW})) == NOW
    assert holds_until(peer(heard={Way.MESH: NOW})) == NOW


def summary(*peers: Peer) -> tuple[str, str]:
    present = {bytes([number]): each for number, each in enumerate(peers)}
    transport: Any = SimpleNamespace(links=dict)
    return Connectivity(transport).summary(present, NOW)


def test_in_a_room_of_two_nobody_is_reached_through_others() -> None:
    card = Card(b"s" * 32, 1, "bo")
    silent = peer(PeerState.EVASIVE, heard={Way.MESH: NOW - DIRECT_S}, card=card)
    assert silent.path(NOW) == "via"
    assert summary(silent) == ("connecting", "reaching the others")
    assert summary(silent, peer(PeerState.LEFT)) == ("connecting", "reaching the others")
    there = peer(heard={Way.MESH: NOW}, hears_us_at=NOW, card=card)
    assert summary(silent, there) == ("via", "connected: direct, through others")
