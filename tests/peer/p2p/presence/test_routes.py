"""A route belongs to who holds the key: nobody has others dial somebody else elsewhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from sandpiper.common.p2p import packets
from sandpiper.common.p2p.deeds import Admit
from sandpiper.common.p2p.packets import Card, Carded, Signed
from sandpiper.peer.p2p.mesh.mesh import Candidate
from sandpiper.peer.p2p.presence.routes import Routes, interleaved
from sandpiper.peer.p2p.state.keyring import SessionKeys
from sandpiper.peer.p2p.transport import Transport
from tests.peer.p2p.hostile import three
from tests.peer.p2p.simnet import Citizen, Town

BOB = Candidate("192.0.2.1", 5001, 5002)
ELSEWHERE = Candidate("203.0.113.9", 1, 2)


class Dialled:
    """A mesh that notes where it is to dial."""

    def __init__(self) -> None:
        self.routes: dict[bytes, list[Candidate]] = {}

    def reach(self, curve: bytes, found: list[Candidate], **how: bool) -> None:
        self.routes[curve] = found

    def is_connected(self, curve: bytes) -> bool:
        return False


def dials(citizen: Citizen, session: bytes, curve: bytes) -> list[Candidate]:
    """Where a member dials that key once it is to reach that session."""
    transport = cast(Any, Transport.__new__(Transport))
    transport._presence, transport._outward = citizen.member.presence, set()
    transport._options, transport._mesh = SimpleNamespace(path="auto", local=False), Dialled()
    transport.reach(session)
    found: list[Candidate] = transport._mesh.routes.get(curve, [])
    return found


def copies_key(town: Town, alice: Citizen, bob: Citizen, mallory: Citizen) -> SessionKeys:
    """Lets in a session of mallory's that names bob's mesh key, and says that it is elsewhere."""
    room = alice.member.keyring.room
    false = SessionKeys.make(mallory.keys.identity, bob.keys.curve, town.random.randbytes)
    mallory.member.deeds.write(Admit(false.vouched(room), "code"))
    town.collect(mallory)
    town.settle(1)
    card = Card(false.session, 9, "m2", [ELSEWHERE.host], ELSEWHERE.pub, ELSEWHERE.sub)
    body = packets.encode(Carded(1, card))
    signed = Signed(false.session, body, false.signing.sign(packets.own_text(room, body)).signature)
    assert alice.member.cards.read(signed)
    return false


def test_a_session_with_anothers_mesh_key_aims_nobodys_route_elsewhere() -> None:
    town, alice, bob, mallory = three()
    bob.member.cards.change(hosts=[BOB.host], pub=BOB.pub, sub=BOB.sub)
    town.collect(bob)
    town.settle(1)
    false = copies_key(town, alice, bob, mallory)
    for session in (bob.keys.session, false.session):
        assert dials(alice, session, bob.keys.curve) == [BOB]
    assert alice.member.presence.peer_of(bob.keys.curve) is alice.member.peers[bob.keys.session]


def test_until_somebody_has_shown_it_all_are_tried_and_nobodys_many_hide_anothers_one() -> None:
    routes = Routes()
    for session in (b"mallory", b"bob"):
        routes.name(b"key", session)
    assert routes.may_be(b"key") == [b"mallory", b"bob"]
    many = [Candidate("203.0.113.9", port, port) for port in range(100)]
    assert interleaved([many, [BOB]])[1] == BOB
    assert routes.prove(b"key", b"bob"), "that is news: the route is to be made anew"
    assert not routes.prove(b"key", b"mallory")
    assert routes.may_be(b"key") == [b"bob"]
    routes.forget(b"key", b"bob")
    assert routes.may_be(b"key") == [b"mallory"]
    routes.forget(b"key", b"mallory")
    assert b"key" not in routes
    assert not routes._holders
    assert not routes._named


def test_who_shows_that_the_key_is_its_own_has_the_route_from_then_on() -> None:
    town, alice, bob, mallory = three()
    presence = alice.member.presence
    false = copies_key(town, alice, bob, mallory)
    presence.routes._holders.clear()  # as for one that has not heard bob yet
    presence.routes._named[bob.keys.curve] = [false.session, bob.keys.session]
    presence.by_curve.clear()
    bob.member.cards.change(hosts=[BOB.host], pub=BOB.pub, sub=BOB.sub)
    assert ELSEWHERE in dials(alice, false.session, bob.keys.curve)
    town.collect(bob)
    town.settle(3)
    assert dials(alice, false.session, bob.keys.curve) == [BOB]
