"""What strangers may try, and how often."""

from __future__ import annotations

from nacl.signing import SigningKey

from sandpiper.common.limits import (
    LETTERS_PER_S,
    LOOKUPS_BURST,
    LOOKUPS_OWN_BURST,
)
from sandpiper.common.rendezvous import Leased
from tests.discovery.place import Place, code_of


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
    codes = [code_of(seeker.lookup(42)) for seeker in seekers for _ in range(int(LOOKUPS_OWN_BURST) + 2)]
    left = codes.count("no_room") - len(seekers) * LOOKUPS_OWN_BURST
    assert 99 <= left <= 100
    assert code_of(seekers[0].lookup(43)) == "no_room"


def test_strangers_who_look_a_room_up_without_end_hide_it_from_nobody(place: Place) -> None:
    place.person("anna").claim()
    strangers = [place.person(f"stranger {number}", f"203.0.113.{number}") for number in range(100)]
    for each in strangers:
        for _ in range(30):
            each.lookup()
    assert code_of(strangers[0].lookup()) == "rate"
    assert code_of(place.person("joiner", "192.0.2.77").lookup()) == "found"


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


def test_letters_are_limited(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob")
    codes = [code_of(bob.post(anna.mailbox)) for _ in range(150)]
    assert codes.count("done") == LETTERS_PER_S * 5
    big = [code_of(place.person("carl").post(anna.mailbox, bytes(64 * 1024))) for _ in range(40)]
    assert big.count("done") == 20
