"""Who has gone costs the others nothing: not a row that is looked at, not an octet of a beacon, not a step of a tick.

Counted are rows, octets and lines of code that run, never time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from sandpiper.common import batch
from sandpiper.common.limits import (
    CARDS_AWAY,
    EXPECTED_S,
    GONE_S,
    HEARSAY_SOUGHT,
    SOUGHT,
    SOUGHT_S,
    SPEAKERS_KNOWN,
    STANDS_S,
)
from sandpiper.common.messages import MsgDraft, Notice
from sandpiper.common.p2p import packets
from sandpiper.common.p2p.deeds import Admit
from sandpiper.common.p2p.envelope import NO_HASH, TALK, sign
from sandpiper.common.p2p.packets import Beacon, Bye, Card, Carded, Echo, Frontier, Shout
from sandpiper.common.p2p.sealing import short
from sandpiper.peer.p2p.replication import entries
from sandpiper.peer.p2p.state.keyring import Keyring
from sandpiper.peer.p2p.state.outputs import Reach
from sandpiper.peer.p2p.state.peer import PeerState, Way
from tests.peer.p2p.simnet import WALL, Citizen, Town

GUESTS = 1000
WINDOW_S = 8.0


class Guest:
    """One that comes, says a line and goes: all that the others see of it, without the rest of a member."""

    def __init__(self, town: Town, host: Citizen, name: str) -> None:
        self.town = town
        self.name = name
        self.keys = town._keys(None)
        member = host.member
        member.deeds.write(Admit(self.keys.vouched(member.keyring.room), "code"))
        town.collect(host)
        town.settle(0.01)
        self.ring = Keyring(self.keys, member.keyring.room, town.random.randbytes)
        for head in member.roster.heads():
            self.ring.secrets.hold(head, member.keyring.secrets.get(head) or b"")
        self.ring.mix(member.roster.heads(), town.now)
        self.tips, self.misses = member.deeds.digest, member.guesses.digest()
        self.said = 0
        self.hash = NO_HASH

    @property
    def session(self) -> bytes:
        return self.keys.session

    def tell(self, packet: bytes, *to: Citizen, way: Way = Way.MESH) -> None:
        for citizen in to or self.town.citizens:
            if not citizen.dead:
                curve = self.keys.curve if way is Way.MESH else None
                citizen.member.receive(packet, way, self.town.now, curve)
                citizen.member.settle(self.town.now)
                self.town.collect(citizen)

    def own(self, own: packets.AnyOwn) -> bytes:
        return self.ring.to_room(self.ring.signed(own))

    def beacon(self) -> bytes:
        stands = [Frontier(self.session, TALK, self.said, self.hash)] if self.said else []
        ring = self.ring
        return self.own(
            Beacon(ring.next_n(), self.town.now, ring.epoch.id, self.tips, 1, self.misses, stands, [], 1, b"s")
        )

    def card(self) -> bytes:
        return self.own(Carded(self.ring.next_n(), Card(self.session, 1, self.name, ["192.0.2.1"], 5001, 5002)))

    def say(self, text: str) -> bytes:
        body = batch.pack([entries.encode(MsgDraft(text=text), self.name, int(WALL))])
        made = sign(
            self.keys.signing, self.session, self.ring.room, bytes(16), TALK, self.said + 1, 1, 9, self.hash, body
        )
        self.said, self.hash = self.said + 1, made.hash
        return self.ring.to_room(Shout([made.raw]))

    def bye(self) -> bytes:
        return self.own(Bye(self.ring.next_n(), self.said))

    def visit(self, text: str, *, goodbye: bool = True) -> None:
        """Comes, says it, and goes, or is killed."""
        for packet in (self.card(), self.beacon(), self.say(text)):
            self.tell(packet)
        self.town.settle(0.15)
        if goodbye:
            self.tell(self.bye())


def room_of(*others: str) -> tuple[Town, list[Citizen]]:
    """A room of so many, in which each has said something, and nothing has happened lately."""
    town = Town()
    members = [town.found("alice"), *(town.join(name) for name in others or ("bob", "carol", "dave"))]
    for member in members:
        town.post(member, f"{member.name} is here")
    town.settle(2 * STANDS_S)
    return town, members


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many lines of code run meanwhile: each turn of a loop is one, in whatever it runs."""
    lines = [0]

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        lines[0] += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(before)


def rows(member: Any) -> dict[str, int]:
    """Everything that may be looked at by the clock, or is kept for who is here."""
    return {
        "peers": len(member.peers),
        "pairs": len(member.keyring._pairs),
        "holed": len(member.replica.fetcher._holed),
        "claimed": len(member.replica.fetcher._claimed),
        "claims": sum(map(len, member.replica.fetcher._claimed.values())),
        "lately": len(member.replica.digest._lately),
        "moved": len(member.replica.digest.moved),
        "whispers": len(member.whispers._told),
        "timers": len(
            [each for each in (member.replica.fetcher.get_timer(), member.gatekeeper.sponsor.get_timer()) if each]
        ),
        "waiting": len(member.replica.fetcher.pulls) + len(member.talk.arrived),
    }


def octets(town: Town, member: Any) -> int:
    """Of the longest of its next beacons."""
    return max(len(packets.encode(member.gossip.make_beacon(town.now))) for _ in range(8))


def cost(town: Town, members: list[Citizen]) -> tuple[list[dict[str, int]], list[int], int]:
    with counted() as lines:
        town.settle(WINDOW_S)
    return [rows(each.member) for each in members], [octets(town, each.member) for each in members], lines[0]


def deserted(members: list[Citizen]) -> None:
    """As the mesh finds: nothing listens where these were."""
    for citizen in members:
        for peer in citizen.member.peers.values():
            peer.deserted = peer.deserted or peer.state is PeerState.GONE


@pytest.mark.timeout(600)  # it counts, it does not judge: a busy machine takes its time
def test_a_thousand_guests_cost_the_members_nothing() -> None:
    town, members = room_of("bob")
    for member in members:  # so that each has written a deed
        Guest(town, member, "first").visit("the first")
    town.settle(2 * STANDS_S)
    rows_before, octets_before, lines_before = cost(town, members)
    for number in range(GUESTS):
        guest = Guest(town, members[0], f"guest{number}")  # a plain member would have to let them in more slowly
        guest.visit(f"line {number}", goodbye=number % 10 != 0)
        deserted(members)
    town.settle(GONE_S + STANDS_S + 5)
    deserted(members)
    town.settle(2)
    rows_after, octets_after, lines_after = cost(town, members)
    assert rows_after == rows_before
    for before, after in zip(octets_before, octets_after, strict=True):
        assert abs(after - before) <= 32, "numbers have become longer, nothing else"
    assert lines_after <= lines_before * 1.02
    for citizen in members:
        assert len(citizen.member.presence.away) == GUESTS + 2
        assert len(citizen.member.presence.away._carded) <= CARDS_AWAY
        assert len(citizen.member.display._prevs) <= SPEAKERS_KNOWN
        assert len(citizen.texts) == GUESTS + 4
        notices = [event.event for event in citizen.events if isinstance(event, Notice)]
        assert notices.count("leave") == GUESTS + 2
    eve = town.join("eve")  # and who comes now has all of it, and no more work than they
    town.settle(2 * STANDS_S)
    assert len(eve.texts) == GUESTS + 4
    assert rows(eve.member)["peers"] == 2
    assert rows(eve.member)["holed"] == 0


def test_the_killed_are_sought_for_a_while_and_not_too_many_of_them() -> None:
    town, members = room_of()
    before = rows(members[0].member)
    for number in range(3 * SOUGHT):
        Guest(town, members[0], f"guest{number}").visit("bang", goodbye=False)
    town.settle(GONE_S + 5)
    for citizen in members:
        sought = [peer for peer in citizen.member.peers.values() if peer.state is PeerState.GONE]
        assert [peer.nick for peer in sought] == [f"guest{number}" for number in range(2 * SOUGHT, 3 * SOUGHT)]
    town.settle(SOUGHT_S)
    assert rows(members[0].member) == before


def test_who_is_only_told_of_is_not_sought() -> None:
    """Many came and went while we were cut off: of them nothing but their deeds arrives."""
    town, members = room_of()
    for _ in range(50):
        members[0].member.deeds.write(Admit(town._keys(None).vouched(members[0].member.keyring.room), "code"))
    town.collect(members[0])
    town.settle(EXPECTED_S + 3)
    assert all(len(citizen.member.peers) == 3 for citizen in members)


def test_what_the_departed_said_is_repaired_by_who_is_here() -> None:
    """However much it is, and however long ago: the sums differ, and the two tell each other."""
    town, members = room_of()
    carol = members[2]
    town.cut.update(frozenset((carol.name, other.name)) for other in members if other is not carol)
    for number in range(200):
        guest = Guest(town, members[0], f"guest{number}")
        present = [each for each in members if each is not carol]
        for packet in (guest.card(), guest.beacon(), guest.say(f"line {number}"), guest.bye()):
            guest.tell(packet, *present)
    town.settle(2 * STANDS_S + GONE_S)
    assert len(carol.texts) == 4
    town.cut.clear()
    town.settle(20)
    assert sorted(carol.texts) == sorted(members[0].texts)
    assert len(carol.texts) == 204
    assert rows(carol.member)["holed"] == 0


def test_what_differs_for_good_is_told_more_and_more_rarely() -> None:
    """A member that says whatever sum: it costs itself a list of the logs now and then."""
    town, members = room_of()
    alice = members[0]
    guest = Guest(town, alice, "mallory")
    guest.tell(guest.card())
    sent = 0
    for _ in range(600):
        guest.tell(guest.beacon(), alice)
        sent += sum(out.to == guest.session for out in alice.member.context.packets)
        alice.member.context.packets.clear()
        town.settle(1.0)
    assert alice.member.peers[guest.session].apart.pause_s >= 160
    assert sent < 40


@pytest.mark.parametrize("goodbye", [True, False])
def test_an_old_beacon_brings_nobody_back(goodbye: bool) -> None:
    town, members = room_of()
    guest = Guest(town, members[0], "guest")
    recorded = [guest.card(), *(guest.beacon() for _ in range(30))]
    guest.ring.meet(members[0].keys.vouched(guest.ring.room))
    recorded.append(guest.ring.to_one(members[0].keys.session, packets.Want(guest.ring.epoch.id)))
    for packet in recorded:
        guest.tell(packet)
    if goodbye:
        guest.tell(guest.bye())
    town.settle(GONE_S + 4)
    deserted(members)
    town.settle(2)
    eve = town.join("eve")
    town.settle(2)
    watching = [*members, eve]
    for citizen in watching:
        citizen.events.clear()
    for packet in recorded:
        for citizen in watching:
            citizen.member.receive(packet, Way.RELAY, town.now)
            citizen.member.settle(town.now)
            town.collect(citizen)
        town.settle(1)
        for citizen in watching:
            peer = citizen.member.peers.get(guest.session)
            assert peer is None or not peer.here
    assert not [event for citizen in watching for event in citizen.events if isinstance(event, Notice)]


def test_who_is_unknown_to_a_newcomer_and_comes_by_relay_is_believed_once_it_hears_it() -> None:
    town, members = room_of()
    alice, bob = members[:2]
    for citizen in (alice, bob):
        citizen.relay = True
    town.cut.update(frozenset(("eve", other.name)) for other in members if other is not alice)
    bob.member.cards.change(quiet=True)  # so the sponsor does not count it among who is present
    town.collect(bob)
    town.settle(2)
    eve = town.join("eve", at=[alice])
    eve.relay = True
    town.settle(6)
    assert eve.member.peers[bob.keys.session].state is PeerState.PRESENT
    assert bob.member.peers[eve.keys.session].state is PeerState.PRESENT


def test_who_slept_for_an_hour_is_back_when_it_wakes() -> None:
    town, members = room_of()
    alice, carol = members[0], members[2]
    carol.asleep = True
    town.settle(GONE_S + SOUGHT_S + 10)
    assert carol.keys.session not in alice.member.peers
    assert alice.member.names.nick_of(carol.keys.session) == "carol"
    town.post(alice, "good morning")
    carol.asleep = False
    town.settle(15)
    assert carol.texts[-1] == "good morning"
    assert alice.member.peers[carol.keys.session].state is PeerState.PRESENT
    assert carol.member.peers[alice.keys.session].state is PeerState.PRESENT


def asleep() -> tuple[Town, Citizen, Citizen]:
    """Alice, and Bob, whom she has given up."""
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    bob.member.cards.change(hosts=["192.0.2.7"], pub=5001, sub=5002, relays={"broker": b"r" * 8})
    town.collect(bob)
    town.settle(3)
    bob.asleep = True
    town.settle(GONE_S + SOUGHT_S + 10)
    assert not alice.member.peers
    alice.member.context.commands.clear()
    return town, alice, bob


def test_a_knock_a_lease_or_a_relay_is_a_sign_of_life() -> None:
    for sign_of_life in ("knock", "lease", "relay", "moved"):
        town, alice, bob = asleep()
        presence = alice.member.presence
        if sign_of_life == "knock":
            assert presence.connected(bob.keys.curve) is not None
        elif sign_of_life == "lease":
            presence.lease({bob.keys.session})
        elif sign_of_life == "relay":
            presence.at_relay(b"r" * 8)
        else:
            presence.seek_again()
        assert alice.member.context.commands == [Reach(bob.keys.session)], sign_of_life
        assert alice.member.peers[bob.keys.session].card is not None
        town.settle(SOUGHT_S + 2)
        assert (bob.keys.session in alice.member.peers) == (sign_of_life == "lease")
        presence.lease(set())
        town.settle(2)
        assert not alice.member.peers


def test_who_said_goodbye_is_not_woken_by_its_old_lease() -> None:
    town = Town()
    alice, bob = town.found("alice"), town.join("bob")
    town.settle(2)
    bob.member.gossip.say_goodbye()
    town.collect(bob)
    bob.dead = True
    town.settle(1)
    presence = alice.member.presence
    presence.lease({bob.keys.session})
    assert presence.connected(bob.keys.curve) is None
    assert not alice.member.peers


def test_what_a_guest_may_read_is_not_kept_for_each_log() -> None:
    """A newcomer's floor is one number, whatever has been said and by how many."""
    town = Town()
    alice = town.found("alice", history="none")
    town.post(alice, "before")
    for number in range(30):
        Guest(town, alice, f"guest{number}").visit("hello")
    bob = town.join("bob")
    town.settle(3)
    town.post(alice, "after")
    town.settle(3)
    assert bob.texts == ["after"]
    rule = alice.member.governance
    assert all(isinstance(since, int) for since in rule._floors.values())
    assert rule.floor(bob.keys.session, alice.keys.session, TALK) == 1
    marks = [track.marks for track in alice.member.replica.tracks.values()]
    assert sum(map(len, marks)) <= 2 * len(marks)


def lie(town: Town, liar: Citizen, names: list[bytes]) -> bytes:
    """A beacon of a member that says it hears all of these."""
    ring, echoes = liar.member.keyring, [Echo(name, 0.0, 0.0, False) for name in names]
    beacon = Beacon(ring.next_n(), town.now, ring.epoch.id, liar.member.deeds.digest, 1, b"", [], echoes, 1, b"")
    return ring.to_room(ring.signed(beacon))


def test_a_lie_brings_nobody_back() -> None:
    """A member says that it hears everybody who ever fell silent, again and again, in whatever order."""
    town, (alice, mallory) = room_of("mallory")
    guests = [Guest(town, alice, f"guest{number}") for number in range(60)]
    for guest in guests:
        guest.visit("hi", goodbye=False)
    town.settle(EXPECTED_S + GONE_S + SOUGHT_S + 30)
    member, names = alice.member, [short(guest.session) for guest in guests]
    assert len(member.presence.away) == len(guests)
    reached: list[bytes] = []
    seconds = 2 * int(SOUGHT_S)
    for second in range(seconds):
        alice.events.clear()
        told = lie(town, mallory, names[second % 60 :] + names[: second % 60])
        member.receive(told, Way.MESH, town.now, mallory.keys.curve)
        reached += [command.session for command in member.context.commands if isinstance(command, Reach)]
        member.context.commands.clear()
        assert sum(peer.here for peer in member.peers.values()) == 1
        assert len(member.peers) <= 1 + HEARSAY_SOUGHT
        if second % 3 == 0:
            for peer in member.peers.values():  # as the mesh finds
                peer.deserted = peer.deserted or peer.told
        town.settle(1.0)
        assert not [event for event in alice.events if isinstance(event, Notice)]
    assert len(reached) <= 2 * len(guests), "none is looked for twice within ten minutes"
    assert len(set(reached)) == len(guests), "and the one who is there would be found"


@pytest.mark.parametrize("way", [Way.MESH, Way.RELAY])
def test_who_is_told_of_is_back_when_it_speaks_itself(way: Way) -> None:
    town, (alice, carol) = room_of("carol")
    guest = Guest(town, alice, "guest")
    guest.visit("hi", goodbye=False)
    town.settle(EXPECTED_S + GONE_S + SOUGHT_S + 30)
    alice.member.receive(lie(town, carol, [short(guest.session)]), Way.MESH, town.now, carol.keys.curve)
    assert not alice.member.peers[guest.session].here
    guest.tell(guest.beacon(), alice, way=way)
    assert alice.member.peers[guest.session].here
    assert not alice.member.peers[guest.session].told


def test_who_is_told_of_takes_nobodys_place_who_is_sought() -> None:
    town, (alice, carol) = room_of("carol")
    old = [Guest(town, alice, f"old{number}") for number in range(HEARSAY_SOUGHT)]
    for guest in old:
        guest.visit("hi", goodbye=False)
    town.settle(EXPECTED_S + GONE_S + SOUGHT_S + 30)
    fresh = [Guest(town, alice, f"fresh{number}") for number in range(SOUGHT)]
    for guest in fresh:
        guest.visit("hi", goodbye=False)
    town.settle(GONE_S + 4)
    names = [short(guest.session) for guest in old]
    alice.member.receive(lie(town, carol, names), Way.MESH, town.now, carol.keys.curve)
    town.settle(3)
    sought = {session for session, peer in alice.member.peers.items() if peer.state is PeerState.GONE}
    assert sought == {guest.session for guest in fresh}
