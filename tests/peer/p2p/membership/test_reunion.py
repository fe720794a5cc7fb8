"""Members that do not know each other, because whoever could have told is dead."""

from __future__ import annotations

from sandpiper.common.limits import (
    HANDOVER_BYTES,
    LEASES_PER_GROUP,
    LETTER_BYTES,
    REUNITE_AT_ONCE,
    REUNITE_S,
    REUNITE_TRIES,
)
from sandpiper.common.p2p import packets
from sandpiper.peer.p2p.state.peer import NEVER
from tests.peer.p2p.simnet import Citizen, Town

SERVICE = "a discovery service"


class Doors(Town):
    """Whoever does not know us does not connect, and whom we do not know our door refuses."""

    def _send(self, citizen: Citizen, other: Citizen, packet: bytes) -> None:
        if citizen.member.presence.admits(other.keys.curve):
            super()._send(citizen, other, packet)


def orphaned() -> tuple[Town, Citizen, Citizen]:
    """Bob was let in by Alice like Carol, whose coming only Alice has heard of; and Alice is dead."""
    town = Doors()
    alice = town.found("alice")
    bob = town.join("bob")
    town.settle(3)
    bob.asleep = True
    town.cut.add(frozenset(("alice", "bob")))
    carol = town.join("carol", at=[alice])
    alice.dead = True
    # What she said into the cut cable is not waiting anywhere.
    town._due.clear()
    bob.asleep = False
    town.settle(3)
    assert carol.keys.session not in bob.member.peers
    return town, bob, carol


def blob(town: Town, citizen: Citizen) -> bytes:
    member = citizen.member
    return packets.seal_card(member.keyring.epoch, town.random.randbytes(24), member.cards.sign())


def see_leases(town: Town, *citizens: Citizen) -> None:
    """What a discovery service tells each of the others."""
    for citizen in citizens:
        others = [each for each in citizens if each is not citizen]
        leased = {each.mailbox: citizen.member.cards.read_lease(blob(town, each)) for each in others}
        citizen.member.reunion.leased(SERVICE, leased, town.now)


def deliver(town: Town, *citizens: Citizen) -> int:
    """Carries the letters that have been written; how many."""
    written = 0
    for citizen in citizens:
        letters, citizen.letters = citizen.letters, []
        written += len(letters)
        for service, mailbox, body in letters:
            assert service == SERVICE
            assert len(body) <= LETTER_BYTES
            there = next(each for each in citizens if each.mailbox == mailbox)
            there.member.letter(citizen.mailbox, body, town.now)
            town.collect(there)
    return written


def test_who_was_let_in_by_somebody_dead_is_known_by_its_letter() -> None:
    town, bob, carol = orphaned()
    see_leases(town, bob, carol)
    town.settle(REUNITE_S + 1)
    assert deliver(town, bob, carol)
    town.settle(3)
    for one, other in ((bob, carol), (carol, bob)):
        peer = one.member.peers[other.keys.session]
        assert peer.here
        assert peer.heard_at > NEVER
    town.post(bob, "there you are")
    town.settle(1)
    assert carol.texts == ["there you are"]
    assert bob.member.deeds.digest == carol.member.deeds.digest


def test_who_is_heard_is_not_written_to() -> None:
    town = Town()
    alice = town.found("alice")
    bob = town.join("bob")
    see_leases(town, alice, bob)
    town.settle(2 * REUNITE_S)
    assert deliver(town, alice, bob) == 0


def test_a_mailbox_that_never_answers_is_written_to_a_few_times() -> None:
    town, bob, carol = orphaned()
    see_leases(town, bob, carol)
    carol.dead = True
    town.settle(REUNITE_S * 2 ** (REUNITE_TRIES + 2))
    letters, bob.letters = bob.letters, []
    assert len(letters) == REUNITE_TRIES
    assert bob.member.reunion.get_timer() is None


def test_a_mailbox_that_never_answers_is_written_to_no_more_often_because_other_leases_change() -> None:
    town, bob, carol = orphaned()
    carol.dead = True
    written = 0
    for _ in range(60):  # an hour, in which somebody comes or goes each minute: all leases are told of again
        see_leases(town, bob, carol)
        town.settle(60.0)
        written += len(bob.letters)
        bob.letters.clear()
    assert written == REUNITE_TRIES
    bob.member.reunion.leased(SERVICE, {}, town.now)
    assert bob.member.reunion._unheard == {}, "with its mailbox it is forgotten"
    see_leases(town, bob, carol)
    town.settle(REUNITE_S + 1)
    assert len(bob.letters) == 1, "who comes back is written to"


def test_no_more_rows_are_kept_than_a_group_has_leases() -> None:
    town, bob, _ = orphaned()
    leased = {number.to_bytes(16, "big"): number.to_bytes(32, "big") for number in range(1, 2 * LEASES_PER_GROUP)}
    bob.member.reunion.leased(SERVICE, leased, town.now)
    assert len(bob.member.reunion._unheard[SERVICE]) == LEASES_PER_GROUP


def test_of_many_who_are_unheard_a_few_are_written_to_each_second() -> None:
    town, bob, _ = orphaned()
    leased = {bytes([number]) * 16: bytes([number]) * 32 for number in range(100)}
    bob.member.reunion.leased(SERVICE, leased, town.now)
    town.settle(REUNITE_S + 0.1)
    assert len(bob.letters) == REUNITE_AT_ONCE
    town.settle(2)
    assert len(bob.letters) == 3 * REUNITE_AT_ONCE


def test_a_lease_that_ends_is_written_to_no_more() -> None:
    town, bob, carol = orphaned()
    see_leases(town, bob, carol)
    bob.member.reunion.leased(SERVICE, {}, town.now)
    assert bob.member.reunion.get_timer() is None


def test_a_letter_that_is_no_packet_of_ours_harms_nobody() -> None:
    town, bob, carol = orphaned()
    for body in (b"\x01", b"\x01" + b"x" * 100, b"\x01" + bob.member.keyring.epoch.id + b"y" * HANDOVER_BYTES):
        bob.member.letter(carol.mailbox, body, town.now)
    # A sign of life is no deed: who writes letters is not thereby here.
    for signed in (carol.member.cards.sign(),):
        bob.member.letter(carol.mailbox, carol.member.keyring.to_room(signed), town.now)
    assert carol.keys.session not in bob.member.peers
