"""Whatever strangers claim at a room's nameplate, the room is found there, first, and keeps its lease."""

from __future__ import annotations

import random
from typing import Any

import pytest
from nacl.signing import SigningKey

from sandpiper.common import rendezvous
from sandpiper.common.limits import (
    GROUPS_PER_HOME,
    GROUPS_PER_NAMEPLATE,
    LEASE_S,
    LEASES_PER_CONNECTION,
    ROOM_EXPIRES_S,
    SETTLE_S,
)
from sandpiper.common.rendezvous import Leased
from sandpiper.discovery.seniority import Seniority, SeniorityTokens
from tests.discovery.place import ROOM, Person, Place, code_of

NEW = SigningKey(b"n" * 32)
NEWER = SigningKey(b"m" * 32)


def key(number: int) -> SigningKey:
    return SigningKey(number.to_bytes(32, "big"))


def crowd(place: Place, size: int, first: int = 1000) -> list[Person]:
    """Strangers from as many addresses, each with a group of its own, as far as it gets one."""
    made = []
    for number in range(first, first + size):
        place.now += 0.001
        stranger = place.person(f"stranger {number}", f"198.18.{number // 256}.{number % 256}")
        stranger.claim(registration=key(number))
        made.append(stranger)
    return made


def first(place: Place, name: str = "joiner") -> Any:
    """The mailboxes that a joiner sees first."""
    return place.person(name, "203.0.113.77").lookup().groups[0]


# One room, and strangers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["192.0.2.66", "192.0.2.1", "127.0.0.1"])
def test_groups_of_one_stranger_hide_no_room_whose_key_changes(place: Place, address: str) -> None:
    alice = place.person("alice", "127.0.0.1" if address == "127.0.0.1" else "192.0.2.1")
    assert isinstance(alice.claim(), Leased)
    strangers = [place.person(f"mallory {number}", address) for number in range(10)]
    for number, each in enumerate(strangers):
        for another in range(LEASES_PER_CONNECTION):
            place.later(0.5)
            each.claim(registration=key(10 * number + another))
            alice.claim()
    assert first(place) == [alice.mailbox]
    assert isinstance(alice.claim(registration=NEW), Leased)
    alice.release()
    assert first(place, "another") == [alice.mailbox]


def test_a_thousand_addresses_hide_no_room_and_take_no_lease(place: Place) -> None:
    alice, bob = place.person("alice", "192.0.2.1"), place.person("bob", "192.0.2.2")
    alice.claim()
    bob.claim()
    crowd(place, 1000)
    for registration, before in ((NEW, ROOM), (NEWER, NEW)):
        assert isinstance(alice.claim(registration=registration), Leased)
        assert isinstance(bob.claim(registration=registration), Leased)
        alice.release(registration=before)
        bob.release(registration=before)
        assert set(first(place)) == {alice.mailbox, bob.mailbox}
        place.later(10)
    assert len(place.core.leases.groups(42)) <= GROUPS_PER_NAMEPLATE


def test_a_room_outlives_its_founder_in_its_place(place: Place) -> None:
    alice, bob = place.person("alice", "192.0.2.1"), place.person("bob", "192.0.2.2")
    alice.claim()
    crowd(place, 20)
    bob.claim()
    alice.release()
    assert first(place) == [bob.mailbox]
    bob.claim(registration=NEW)
    bob.release()
    assert first(place) == [bob.mailbox]


def test_who_was_removed_stays_behind_those_who_were_there_before(place: Place) -> None:
    alice = place.person("alice", "192.0.2.1")
    alice.claim()
    place.later(1)
    mallory = place.person("mallory", "198.51.100.66")
    mallory.claim()
    alice.claim(registration=NEW)
    alice.release()
    for number in range(5):
        mallory.claim(registration=key(number))
    assert first(place) == [alice.mailbox]


def test_one_household_has_few_groups_and_one_connection_two(place: Place) -> None:
    place.person("alice", "192.0.2.1").claim()
    codes = []
    for number in range(10):
        codes.append(code_of(place.person(f"mallory {number}", "192.0.2.66").claim(registration=key(number))))
    assert codes == ["leased"] * GROUPS_PER_HOME + ["too_many"] * (10 - GROUPS_PER_HOME)
    one = place.person("eve", "192.0.2.67")
    assert {code_of(one.claim(registration=key(100 + number))) for number in range(10)} == {"leased"}
    assert len(place.core.leases.groups(42)) == 1 + GROUPS_PER_HOME + 2


def test_all_addresses_of_a_network_of_ipv6_count_as_one(place: Place) -> None:
    place.person("alice", "2001:db8:1::1").claim()
    people = [place.person(f"mallory {number}", f"2001:db8:2:{number:x}::1") for number in range(20)]
    codes = [code_of(each.claim(registration=key(number))) for number, each in enumerate(people)]
    assert codes.count("leased") == GROUPS_PER_HOME


def test_households_take_turns_behind_the_first(place: Place) -> None:
    for number in range(GROUPS_PER_HOME):
        place.person(f"mallory {number}", "192.0.2.66").claim(registration=key(number))
    alice = place.person("alice", "192.0.2.1")
    alice.claim()
    assert place.person("joiner", "203.0.113.7").lookup().groups[1] == [alice.mailbox]


# Restarts, absences, numbers that are free again ----------------------------------------------------------------


def restarted(place: Place, *, settle_s: float = SETTLE_S) -> Place:
    """The same service once more, with the same secret, and nothing in memory."""
    again = Place(settle_s=settle_s)
    again.now = place.now + 1
    again.core._settled_at = again.now + settle_s
    return again


def back(place: Place, person: Person, token: bytes, registration: SigningKey = ROOM) -> Any:
    again = Person(place, "", person.address)
    again.key = person.key
    again.connect()
    place.people.append(again)
    again.greet()
    return again, again.claim(registration=registration, seniority=token)


def test_a_room_is_first_after_a_restart_though_strangers_are_faster(place: Place) -> None:
    alice = place.person("alice", "192.0.2.1")
    token = alice.claim().seniority
    again = restarted(place)
    crowd(again, 100)
    there, leased = back(again, alice, token)
    assert isinstance(leased, Leased)
    assert first(again) == [there.mailbox]


def test_a_room_that_slept_over_night_is_first_when_it_is_back(place: Place) -> None:
    alice = place.person("alice", "192.0.2.1")
    token = alice.claim().seniority
    alice.lose()
    place.later(LEASE_S + 1)
    place.later(ROOM_EXPIRES_S / 2)
    crowd(place, 100)
    alice.connect()
    alice.greet()
    assert isinstance(alice.claim(seniority=token), Leased)
    assert first(place) == [alice.mailbox]


@pytest.mark.parametrize("restart", [False, True])
def test_who_had_the_number_before_is_junior_to_who_opened_a_room_there_since(place: Place, restart: bool) -> None:
    mallory = place.person("mallory", "198.51.100.66")
    token = mallory.claim(registration=NEW).seniority
    mallory.release(registration=NEW)
    place.later(1)
    alice = place.person("alice", "192.0.2.1")
    own = alice.claim(fresh=True).seniority
    if restart:
        place = restarted(place)
        back(place, mallory, token, NEW)
        alice, _ = back(place, alice, own)
    else:
        mallory.claim(registration=NEW, seniority=token)
    assert first(place) == [alice.mailbox]


def test_a_token_is_good_for_one_key_one_number_one_service_and_a_day() -> None:
    wall = [1_700_000_000.0]
    tokens = SeniorityTokens(b"s" * 32, lambda: wall[0])
    seniority = Seniority(1, 2, 3)
    token = tokens.give(b"k" * 32, 42, seniority)
    assert tokens.read(token, b"k" * 32, 42) == seniority
    assert tokens.read(token, b"x" * 32, 42) is None
    assert tokens.read(token, b"k" * 32, 43) is None
    assert SeniorityTokens(b"t" * 32, lambda: wall[0]).read(token, b"k" * 32, 42) is None
    for broken in (b"", token[:-1], token + b"x", bytes(len(token)), b"\xff" * 64):
        assert tokens.read(broken, b"k" * 32, 42) is None
    wall[0] += ROOM_EXPIRES_S + 1
    assert tokens.read(token, b"k" * 32, 42) is None


# A service that is full ------------------------------------------------------------------------------------------


def test_a_service_that_a_few_addresses_fill_has_room_for_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.discovery.leases.LEASES", 60)
    alice = place.person("alice", "192.0.2.1")
    alice.claim()
    for number in range(59):
        place.person(f"mallory {number}", f"198.51.100.{number % 3}").claim(100 + number)
    for number in range(10):
        assert code_of(place.person(f"bob {number}", f"203.0.113.{number}").claim(500 + number)) == "leased"
    assert len(place.core.leases) == 60
    assert isinstance(alice.claim(registration=NEW), Leased)
    assert code_of(place.person("another mallory", "198.51.100.1").claim(900)) == "too_many"


def test_the_books_balance_whoever_is_crowded_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.discovery.leases.LEASES", 30)
    monkeypatch.setattr("sandpiper.discovery.leases.GROUPS_PER_NAMEPLATE", 5)
    dice = random.Random(11)
    place = Place()
    people = [place.person(f"p{number}", f"192.0.2.{number // 3}") for number in range(24)]
    tokens: dict[tuple[int, int], bytes] = {}
    for _ in range(4000):
        number, plate = dice.randrange(len(people)), dice.randrange(10, 14)
        each = people[number]
        match dice.randrange(6):
            case 0:
                each.lose()
            case 1:
                each.connect()
                each.greet()
            case 2:
                each.release(plate, key(dice.randrange(9)))
            case 3:
                place.later(dice.random() * 10)
            case _:
                shown = tokens.get((number, plate), b"")
                reply = each.claim(plate, key(dice.randrange(9)), seniority=shown)
                if isinstance(reply, rendezvous.Leased):
                    tokens[number, plate] = reply.seniority
        leases = place.core.leases
        held = sum(len(leases.of(holder)) for holder in place.core.mailboxes._by_key.values())
        assert held == len(leases) == sum(map(len, leases._by_home.values()))
        for plate in range(10, 14):
            groups = leases.groups(plate)
            assert len(groups) <= 5
            assert all(group.senior is min(group.leases.values(), key=lambda x: x.seniority.rank) for group in groups)
    for each in people:
        each.lose()
    place.later(LEASE_S + 1)
    assert len(place.core.leases) == len(place.core.mailboxes) == len(place.core.nameplates) == 0
