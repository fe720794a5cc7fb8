"""Tickets: the door's word about an address, and nobody else's."""

from __future__ import annotations

import pytest

from sandpiper.common.limits import TICKET_S
from sandpiper.common.tickets import Tickets

NOW = 1000.0
TICKETS = Tickets(b"s" * 32)


@pytest.mark.parametrize("address", ["192.0.2.9", "2001:db8::9", "fe80::1%eth0.7"])
def test_a_ticket_tells_the_address_where_the_splice_cannot(address: str) -> None:
    ticket = TICKETS.give(address, NOW)
    assert TICKETS.address(ticket, "", NOW + TICKET_S - 1) == address
    assert TICKETS.address(ticket, "198.51.100.1", NOW) == "198.51.100.1"
    assert TICKETS.address(ticket, "", NOW + TICKET_S + 1) == ""
    assert TICKETS.address(ticket, "", NOW - 1) == ""


@pytest.mark.parametrize(
    "bad", ["", ".", "..", "1000.192.0.2.9.", "x.y.z", "9" * 5000 + ".a.b", "٣.a.b", "1000.192.0.2.9." + "0" * 32]
)
def test_a_ticket_that_the_door_did_not_give_tells_nothing(bad: str) -> None:
    assert TICKETS.address(bad, "", NOW) == ""


def test_a_ticket_of_another_service_tells_nothing() -> None:
    assert TICKETS.address(Tickets(b"t" * 32).give("192.0.2.9", NOW), "", NOW) == ""
