"""Who is here says so itself: what others say of it only tells whom to ask."""

from __future__ import annotations

import msgspec

from sandpiper.common.limits import GONE_S, PROBED
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.deeds import Admit
from sandpiper.common.p2p.packets import Beacon, Echo, Probe, Signed, Signs
from sandpiper.common.p2p.sealing import short
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.state.peer import Peer, PeerState, Way
from tests.peer.p2p.hostile import still_works, three
from tests.peer.p2p.simnet import Citizen, Town


def lies(mallory: Citizen, *names: bytes) -> None:
    """Has mallory say from now on that she hears these, a moment ago and over the mesh."""
    gossip = mallory.member.gossip
    real = gossip.make_beacon

    def lying(now: float, to: Peer | None = None) -> Beacon:
        beacon = real(now, to)
        others = [echo for echo in beacon.echoes if echo.peer not in names]
        return msgspec.structs.replace(beacon, echoes=others + [Echo(name, now, 0.0, True) for name in names])

    gossip.make_beacon = lying  # type: ignore[method-assign]


def test_hearsay_keeps_nobody_here_who_is_dead_or_was_never_born() -> None:
    town = Town()
    alice, bob, mallory = town.found("alice", capacity=8), town.join("bob"), town.join("mallory")
    town.settle(3)
    bob.dead = True
    entropy = town.random.randbytes
    ghosts = [SessionKeys.make(mallory.keys.identity, entropy(32), entropy) for _ in range(6)]
    for ghost in ghosts:
        mallory.member.deeds.write(Admit(ghost.vouched(alice.member.keyring.room), "code"))
    town.collect(mallory)
    lies(mallory, bob.member.keyring.short, *(short(ghost.session) for ghost in ghosts))
    town.settle(GONE_S * 3)
    here = [peer.keys.session for peer in alice.member.peers.values() if peer.here]
    assert here == [mallory.keys.session]
    assert alice.member.governance.full() == ""
    town.join("dave", at=[alice])


def test_beacons_that_were_held_back_are_no_sign_of_life() -> None:
    town, alice, bob, mallory = three()
    town.cut.add(frozenset(("alice", "bob")))
    town.settle(3)
    kept: list[Signed] = []
    for _ in range(30):  # mallory answers nobody for a while, and keeps what bob says
        town.settle(1)
        beacon = mallory.member.peers[bob.keys.session].beacon
        assert beacon is not None
        kept.append(beacon)
    bob.dead = True
    town.settle(2)
    began, held = town.now, iter(kept[-20:])
    lies(mallory, bob.member.keyring.short)
    states = []

    def answer(peer: Peer, probe: Probe, now: float) -> None:
        if (old := next(held, None)) is not None:
            mallory.member.context.send_to(peer, Signs(probe.r, [old]))

    mallory.member._receiver._handlers[Probe] = answer
    while town.now < began + 2 * GONE_S:
        town.settle(1)
        peer = alice.member.peers.get(bob.keys.session)
        states.append((town.now - began, peer is not None and peer.here))
    assert not any(here for at, here in states if at > GONE_S)


def test_who_is_reached_only_through_another_is_here_by_its_own_word() -> None:
    town, alice, bob, carol = three()
    town.cut.add(frozenset(("alice", "bob")))
    for _ in range(60):
        town.settle(1)
        for one, other in ((alice, bob), (bob, alice)):
            assert one.member.peers[other.keys.session].here
    peer = alice.member.peers[bob.keys.session]
    assert peer.path(town.now) == "via"
    assert peer.state is PeerState.PRESENT
    town.post(alice, "by carol")
    town.settle(3)
    assert bob.texts[-1] == "by carol"
    bob.dead = True
    town.settle(2 * GONE_S)
    assert not alice.member.peers[bob.keys.session].here
    still_works(town, alice, carol)


def test_signs_that_were_not_asked_for_are_not_looked_at() -> None:
    town, alice, bob, mallory = three()
    member = alice.member
    beacon = bob.member.keyring.signed(bob.member.gossip.make_beacon(town.now))
    said = member.peers[bob.keys.session].said
    packet = mallory.member.keyring.to_one(alice.keys.session, Signs(77, [beacon] * 1000))
    member.receive(packet, Way.MESH, town.now, mallory.keys.curve)
    assert member.peers[bob.keys.session].said == said


def test_what_a_member_asks_of_others_is_answered_once_and_in_bounds() -> None:
    town, alice, bob, mallory = three()
    member = alice.member
    member.take()
    names = [bob.member.keyring.short] * 1000
    packet = mallory.member.keyring.to_one(alice.keys.session, Probe(5, names))
    for _ in range(1000):
        member.receive(packet, Way.RELAY, town.now)
    (out,) = member.take().packets
    assert len(out.packet) < PROBED * 1000
    opened = mallory.member.keyring.open(out.packet)[1]
    assert isinstance(opened, packets.Signs)
    assert len(opened.signs) == PROBED
