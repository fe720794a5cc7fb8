"""Mailboxes: whose they are, what they take, and when they go."""

from __future__ import annotations

from sandpiper.common.limits import (
    LEASE_S,
    LETTERS_OWN_BURST,
    LETTERS_TO_MAILBOX_BURST,
)
from sandpiper.common.rendezvous import Leased, Letter
from tests.discovery.place import Place, code_of


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


def test_letters_are_handed_on(place: Place) -> None:
    anna, bob = place.person("anna"), place.person("bob")
    assert code_of(bob.post(anna.mailbox, b"knock")) == "done"
    assert anna.events(Letter) == [Letter(sender=bob.mailbox, body=b"knock")]
    assert code_of(bob.post(b"?" * 16)) == "not_here"


def test_one_mailbox_takes_so_many(place: Place) -> None:
    anna = place.person("anna")
    senders = [place.person(f"sender {number}", f"198.51.100.{number}") for number in range(100)]
    each = int(LETTERS_OWN_BURST) + 5
    codes = [code_of(sender.post(anna.mailbox)) for sender in senders for _ in range(each)]
    assert codes.count("done") == len(senders) * LETTERS_OWN_BURST + LETTERS_TO_MAILBOX_BURST
    assert code_of(senders[0].post(anna.mailbox)) == "rate"
    joiner = place.person("joiner", "192.0.2.77")
    assert {code_of(joiner.post(anna.mailbox)) for _ in range(10)} == {"done"}
