"""The rendezvous: who gets a lease, who sees whose card, what strangers learn, what is forgotten."""

from __future__ import annotations

import random

import pytest
from nacl.signing import SigningKey

from sandpiper.common import rendezvous
from sandpiper.common.limits import (
    GROUPS_FOUND,
    GROUPS_PER_NAMEPLATE,
    LEASE_S,
    LEASES_PER_CONNECTION,
    LEASES_PER_GROUP,
    LETTERS_PER_S,
    LOOKUPS_BURST,
    MAILBOXES_FOUND,
    RENEW_S,
    ROOM_EXPIRES_S,
    SETTLE_S,
    VERSION,
)
from sandpiper.common.rendezvous import Changed, Greeted, Leased, Letter, PeerCard, sign_lease
from tests.discovery.place import BROKERS, KEY, OTHER, ROOM, WALL, Place, code_of


@pytest.fixture
def place() -> Place:
    return Place()


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


def test_joining_needs_a_nameplate(place: Place) -> None:
    anna = place.person("anna")
    assert code_of(anna.claim(0)) == "invalid"
    assert code_of(anna.claim(9, fresh=True)) == "invalid"


def test_a_claim_must_be_signed_for_this_connection_and_this_service(place: Place) -> None:
    anna, mallory = place.person("anna"), place.person("mallory")
    anna.claim(blob=b"anna's")
    overheard = sign_lease(ROOM, KEY, anna.key, 42, b"anna's")
    wrong = [
        mallory.claim(blob=b"anna's", signature=overheard),
        mallory.claim(blob=b"forged", signature=b"\0" * 64),
        mallory.claim(blob=b"card", group=bytes(ROOM.verify_key), registration=OTHER),
        mallory.claim(signature=sign_lease(ROOM, b"E" * 32, mallory.key, 42, b"card")),
        mallory.claim(signature=sign_lease(ROOM, KEY, mallory.key, 43, b"card")),
        mallory.claim(group=b"\xff" * 32),
    ]
    assert [code_of(reply) for reply in wrong] == ["access"] * len(wrong)
    assert not anna.events(Changed)


def test_strangers_get_no_cards(place: Place) -> None:
    anna, mallory = place.person("anna"), place.person("mallory")
    anna.claim(blob=b"anna's card")
    own_group = mallory.claim(registration=OTHER)
    assert own_group.peers == []
    found = mallory.lookup()
    assert found.groups == [[anna.mailbox]]
    assert b"anna's card" not in rendezvous.encode(found)
    assert not mallory.events(Changed)


def test_renewing_keeps_a_lease_and_tells_only_news(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob")
    anna.claim()
    have = bob.claim().version
    for _ in range(10):
        place.later(RENEW_S)
        assert isinstance(anna.claim(), Leased)
        renewed = bob.claim(have=have)
        assert (renewed.peers, renewed.version) == (None, have)
    assert not anna.events(Changed)[1:]
    assert renewed.expires_at == int(WALL + 100 + ROOM_EXPIRES_S)
    assert len(bob.claim(have=have - 1).peers) == 1


def test_a_changed_card_reaches_the_others(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob")
    anna.claim()
    bob.claim()
    anna.events(Changed)
    mine = bob.claim(blob=b"moved")
    (changed,) = anna.events(Changed)
    assert [card.blob for card in changed.cards] == [b"moved"]
    assert mine.version == changed.version


def test_what_is_not_renewed_is_gone(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob")
    anna.claim()
    place.later(LEASE_S / 2)
    bob.claim()
    place.later(LEASE_S / 2)
    (changed,) = bob.events(Changed)
    assert changed.gone == [anna.mailbox]
    assert bob.claim().peers == []
    place.later(LEASE_S)
    assert len(place.core.leases) == len(place.core.nameplates) == 0


def test_releasing_and_leaving_end_leases_at_once(place: Place) -> None:
    anna, bob, carl = (place.person(name) for name in ("anna", "bob", "carl"))
    for each in (anna, bob, carl):
        each.claim()
    anna.events(Changed)
    assert code_of(bob.release()) == "done"
    assert code_of(carl.ask(rendezvous.Bye(r=0))) == "done"
    assert [changed.gone for changed in anna.events(Changed)] == [[bob.mailbox], [carl.mailbox]]
    assert code_of(bob.release()) == "done"
    assert code_of(carl.ask(rendezvous.Ping(r=0))) == "access"
    assert len(place.core.mailboxes) == 2


def test_a_lease_waits_for_a_lost_connection(place: Place) -> None:
    anna, bob = place.person("anna", "192.0.2.1"), place.person("bob")
    anna.claim()
    bob.claim()
    bob.events(Changed)
    mailbox = anna.mailbox
    anna.lose()
    assert code_of(bob.post(mailbox)) == "not_here"
    assert [card.mailbox for card in bob.claim().peers] == [mailbox]
    anna.address = "198.51.100.9"
    anna.connect()
    assert anna.greet().mailbox == mailbox
    (changed,) = bob.events(Changed)
    assert changed.cards == [PeerCard(mailbox, b"card", "198.51.100.9")]
    assert code_of(bob.post(mailbox)) == "done"


def test_an_old_connection_that_ends_late_harms_nobody(place: Place) -> None:
    anna = place.person("anna")
    anna.claim()
    old = anna.caller
    anna.connect()
    anna.greet()
    place.core.gone(old)
    assert isinstance(anna.claim(), Leased)
    anna.caller = old
    assert code_of(anna.claim()) == "access"


def test_a_connection_without_leases_leaves_nothing(place: Place) -> None:
    for number in range(100):
        place.person(f"visitor {number}").lose()
    assert len(place.core.mailboxes) == 0
    anna = place.person("anna")
    anna.claim()
    anna.lose()
    assert len(place.core.mailboxes) == 1
    place.later(LEASE_S + 1)
    assert len(place.core.mailboxes) == 0


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


# Letters ------------------------------------------------------------------------------------------------------


def test_letters_are_handed_on(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob")
    assert code_of(bob.post(anna.mailbox, b"knock")) == "done"
    assert anna.events(Letter) == [Letter(sender=bob.mailbox, body=b"knock")]
    assert code_of(bob.post(b"?" * 16)) == "not_here"


# Limits -------------------------------------------------------------------------------------------------------


def test_ten_thousand_look_ups_are_few(place: Place) -> None:
    anna = place.person("anna")
    guesser = [place.person(f"guesser {number}", "203.0.113.1") for number in range(100)]
    anna.claim()
    replies = [each.lookup(number % 90 + 10) for number in range(100) for each in guesser]
    answered = [reply for reply in replies if code_of(reply) != "rate"]
    assert len(answered) == LOOKUPS_BURST
    assert all(reply.retry_ms > 0 for reply in replies if code_of(reply) == "rate")
    assert code_of(place.person("joiner", "192.0.2.77").lookup()) == "found"


def test_one_nameplate_is_limited_for_everybody_together(place: Place) -> None:
    seekers = [place.person(f"seeker {number}", f"2001:db8:{number:x}::1") for number in range(300)]
    codes = [code_of(seeker.lookup(42)) for seeker in seekers]
    assert 99 <= codes.count("no_room") <= 100
    assert code_of(seekers[0].lookup(43)) == "no_room"


def test_claims_are_limited_by_address_but_renewals_are_not(place: Place) -> None:
    anna = place.person("anna", "192.0.2.1")
    codes = {code_of(anna.claim(blob=bytes([number]))) for number in range(100)}
    assert codes == {"leased", "rate"}
    bob = place.person("bob", "192.0.2.2")
    bob.claim(50)
    for _ in range(1000):
        place.now += 0.1
        assert isinstance(bob.claim(50), Leased)


def test_new_rooms_are_limited_by_address(place: Place) -> None:
    people = [place.person(f"creator {number}") for number in range(50)]
    rooms = [SigningKey(bytes([number]) * 32) for number in range(50)]
    codes = [code_of(each.claim(0, room, fresh=True)) for each, room in zip(people, rooms, strict=True)]
    assert codes.count("leased") == 20
    assert codes.count("rate") == 30


def test_requests_are_limited_by_connection(place: Place) -> None:
    anna = place.person("anna")
    codes = [code_of(anna.ask(rendezvous.Ping(r=0))) for _ in range(1000)]
    assert codes.count("rate") > 700
    place.now += 60
    assert isinstance(anna.greet(), Greeted)


def test_letters_are_limited(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob")
    codes = [code_of(bob.post(anna.mailbox)) for _ in range(150)]
    assert codes.count("done") == LETTERS_PER_S * 5
    big = [code_of(place.person("carl").post(anna.mailbox, bytes(64 * 1024))) for _ in range(40)]
    assert big.count("done") == 20


def test_one_mailbox_takes_so_many(place: Place) -> None:
    anna = place.person("anna")
    senders = [place.person(f"sender {number}", f"198.51.100.{number}") for number in range(100)]
    codes = [code_of(sender.post(anna.mailbox)) for sender in senders for _ in range(5)]
    assert codes.count("done") == 200
    assert codes.count("rate") == 300


def test_leases_are_bounded(place: Place) -> None:
    anna = place.person("anna")
    codes = [code_of(anna.claim(number)) for number in range(10, 10 + LEASES_PER_CONNECTION + 2)]
    assert codes == ["leased"] * LEASES_PER_CONNECTION + ["too_many"] * 2
    many = [place.person(f"member {number}", f"198.51.100.{number % 250}") for number in range(LEASES_PER_GROUP + 5)]
    codes = [code_of(each.claim(99)) for each in many]
    assert codes == ["leased"] * LEASES_PER_GROUP + ["too_many"] * 5


def test_leases_of_one_address_are_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.discovery.leases.LEASES_PER_ADDRESS", 5)
    codes = [code_of(place.person(f"member {number}", "203.0.113.9").claim(10 + number)) for number in range(7)]
    assert codes == ["leased"] * 5 + ["too_many"] * 2
    assert code_of(place.person("neighbour", "203.0.113.10").claim()) == "leased"


def test_leases_are_bounded_in_all(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandpiper.discovery.leases.LEASES", 5)
    codes = [code_of(place.person(f"member {number}", f"203.0.113.{number}").claim()) for number in range(7)]
    assert codes == ["leased"] * 5 + ["too_many"] * 2


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


def test_the_timer_is_for_the_next_lease_that_ends(place: Place) -> None:
    assert place.core.get_timer() is None
    ada, bob = place.person("ada"), place.person("bob")
    ada.claim()
    ends = place.core.get_timer()
    assert ends == place.now + LEASE_S
    place.later(5.0)
    bob.claim()
    assert place.core.get_timer() == ends
    place.later(LEASE_S - 5.0)
    assert place.core.get_timer() == ends + 5.0
    bob.release()
    assert place.core.get_timer() is None
