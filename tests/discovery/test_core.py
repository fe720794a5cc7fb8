"""The rendezvous: who gets a lease, who sees whose card, what strangers learn, what is forgotten."""

from __future__ import annotations

import random

from nacl.signing import SigningKey

from sandpiper.common import rendezvous
from sandpiper.common.limits import (
    GROUPS_FOUND,
    GROUPS_PER_NAMEPLATE,
    LEASE_S,
    MAILBOXES_FOUND,
    ROOM_EXPIRES_S,
    SETTLE_S,
    VERSION,
)
from sandpiper.common.rendezvous import Changed, Greeted, Leased, PeerCard
from tests.discovery.place import BROKERS, OTHER, ROOM, WALL, Place, code_of


def nameplate_of(reply: Leased) -> int:
    return reply.nameplate


# Greeting -----------------------------------------------------------------------------------------------------


def test_a_greeting_tells_the_mailbox_the_address_and_the_brokers(place: Place) -> None:
    anna, bob = place.person("anna", "192.0.2.1"), place.person("bob", "192.0.2.2")
    assert len(anna.mailbox) == 16
    assert anna.mailbox != bob.mailbox
    greeted = bob.greet()
    assert (greeted.observed, greeted.brokers, greeted.settling_ms) == ("192.0.2.2", BROKERS, 0)
    assert greeted.mailbox == bob.mailbox


def test_nothing_before_the_greeting(place: Place) -> None:
    stranger = place.person("stranger", greeted=False)
    replies = [stranger.claim(), stranger.lookup(), stranger.post(b"m" * 16), stranger.release()]
    assert [code_of(reply) for reply in replies] == ["access"] * 4


def test_another_version_is_named(place: Place) -> None:
    reply = place.person("anna", greeted=False).ask(rendezvous.Greet(r=0, v=VERSION + 1))
    assert code_of(reply) == "version"
    assert f"you speak {VERSION + 1}" in reply.text


def test_a_ticket_shows_the_address_where_the_splice_cannot(place: Place) -> None:
    anna = place.person("anna", "", greeted=False)
    assert anna.greet(ticket=place.tickets.give("198.51.100.7", place.now)).observed == "198.51.100.7"
    assert anna.greet(ticket="forged").observed == ""


def test_garbage_is_refused_with_its_number(place: Place) -> None:
    anna = place.person("anna")
    reply = anna.tell(b"\x82\xa4type\xa3boo\xa1r\x05")
    assert (code_of(reply), reply.r) == ("invalid", 5)
    assert code_of(anna.tell(b"\xc1")) == "invalid"


# Leases -------------------------------------------------------------------------------------------------------


def test_a_room_is_opened_at_a_proposed_nameplate_and_joined(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob", "192.0.2.2")
    opened = anna.claim(0, blob=b"anna's", fresh=True)
    assert isinstance(opened, Leased)
    assert 10 <= opened.nameplate <= 99
    assert opened.expires_at == int(WALL + ROOM_EXPIRES_S)
    assert opened.peers == []
    joined = bob.claim(opened.nameplate, blob=b"bob's")
    assert joined.peers == [PeerCard(anna.mailbox, b"anna's", "192.0.2.1")]
    (changed,) = anna.events(Changed)
    assert changed.cards == [PeerCard(bob.mailbox, b"bob's", "192.0.2.2")]
    assert changed.version == opened.version + 1 == joined.version
    assert not bob.events(Changed)


def test_a_repeated_opening_gives_the_same_nameplate(place: Place) -> None:
    anna = place.person("anna")
    numbers = {nameplate_of(anna.claim(0, fresh=True)) for _ in range(5)}
    assert len(numbers) == 1
    assert len(place.core.leases) == 1


def test_a_room_that_is_there_cannot_be_opened_by_others(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob")
    assert isinstance(anna.claim(fresh=True), Leased)
    assert code_of(bob.claim(registration=OTHER, fresh=True)) == "taken"
    assert isinstance(bob.claim(fresh=True), Leased)  # the same group: a member
    place.later(LEASE_S + 1)
    assert isinstance(bob.claim(registration=OTHER, fresh=True), Leased)


# Look-ups -----------------------------------------------------------------------------------------------------


def test_a_look_up_shows_a_few_opaque_mailboxes(place: Place) -> None:
    members = [place.person(f"member {number}", f"192.0.2.{number}") for number in range(10)]
    for member in members:
        member.claim()
    joiner = place.person("joiner", "198.51.100.1")
    shown = {tuple(joiner.lookup().groups[0]) for _ in range(10)}
    assert len(shown) > 1
    assert {len(boxes) for boxes in shown} == {MAILBOXES_FOUND}
    assert {box for boxes in shown for box in boxes} <= {member.mailbox for member in members}


def test_the_oldest_groups_are_shown(place: Place) -> None:
    anna = place.person("anna")
    anna.claim()
    rooms = [SigningKey(bytes([number]) * 32) for number in range(GROUPS_PER_NAMEPLATE)]
    squatters = [place.person(f"squatter {number}", f"198.51.100.{number}") for number in range(len(rooms))]
    codes = [code_of(squatter.claim(registration=room)) for squatter, room in zip(squatters, rooms, strict=True)]
    assert codes == ["leased"] * (GROUPS_PER_NAMEPLATE - 1) + ["too_many"]
    for _ in range(5):
        groups = place.person("joiner", "203.0.113.1").lookup().groups
        assert len(groups) == GROUPS_FOUND
        assert [anna.mailbox] in groups


def test_no_such_room(place: Place) -> None:
    anna = place.person("anna")
    assert code_of(anna.lookup()) == "no_room"
    anna.claim()
    assert code_of(anna.lookup()) == "no_room"  # nobody but the asker


def test_a_service_that_has_just_started_says_not_yet() -> None:
    place = Place(settle_s=SETTLE_S)
    anna, bob = place.person("anna"), place.person("bob")
    assert anna.greet().settling_ms == SETTLE_S * 1000
    refused = bob.lookup()
    assert code_of(refused) == "not_yet"
    assert 0 < refused.retry_ms <= 1000
    anna.claim()
    assert bob.lookup().groups == [[anna.mailbox]]
    place.later(SETTLE_S)
    assert bob.greet().settling_ms == 0
    assert code_of(bob.lookup(77)) == "no_room"


def test_a_room_whose_members_lost_their_connection_is_not_gone(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob")
    anna.claim()
    anna.lose()
    assert code_of(bob.lookup()) == "not_yet"
    place.later(LEASE_S + 1)
    assert code_of(bob.lookup()) == "no_room"


# Limits -------------------------------------------------------------------------------------------------------


def test_requests_are_limited_by_connection(place: Place) -> None:
    anna = place.person("anna")
    codes = [code_of(anna.ask(rendezvous.Ping(r=0))) for _ in range(1000)]
    assert codes.count("rate") > 700
    place.now += 60
    assert isinstance(anna.greet(), Greeted)


def test_whatever_happens_the_books_balance() -> None:
    """Random lives: afterwards nothing is left that nobody holds."""
    dice = random.Random(5)
    place = Place()
    people = [place.person(f"p{number}", f"192.0.2.{number}") for number in range(12)]
    rooms = [ROOM, OTHER]
    for _ in range(3000):
        each = dice.choice(people)
        act = dice.randrange(8)
        if act < 3:
            each.claim(
                dice.randrange(10, 13), dice.choice(rooms), bytes([dice.randrange(3)]), fresh=dice.random() < 0.3
            )
        elif act == 3:
            each.release(dice.randrange(10, 13), dice.choice(rooms))
        elif act == 4:
            each.lose()
        elif act == 5:
            each.connect()
            each.greet()
        elif act == 6:
            each.ask(rendezvous.Bye(r=0))
        else:
            place.later(dice.random() * 10)
        leases = place.core.leases
        held = sum(len(leases.of(holder)) for holder in place.core.mailboxes._by_key.values())
        assert held == len(leases)
        assert len(place.core.nameplates) == len({number for number in range(10, 13) if leases.groups(number)})
    for each in people:
        each.lose()
    place.later(LEASE_S + 1)
    assert len(place.core.leases) == len(place.core.mailboxes) == len(place.core.nameplates) == 0
