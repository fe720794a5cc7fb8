"""Leases: who gets one, who sees whose card, and when they end."""

from __future__ import annotations

import pytest

from sandpiper.common import rendezvous
from sandpiper.common.limits import (
    LEASE_S,
    LEASES_PER_CONNECTION,
    LEASES_PER_GROUP,
    RENEW_S,
    ROOM_EXPIRES_S,
)
from sandpiper.common.rendezvous import Changed, Leased, PeerCard, sign_lease
from tests.discovery.place import KEY, OTHER, ROOM, WALL, Place, code_of


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
