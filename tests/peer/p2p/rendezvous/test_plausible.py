"""What a discovery service says of addresses: believed as far as it could know, followed as far as it could go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandpiper.common.limits import OBSERVED_MOST
from sandpiper.peer.p2p.rendezvous.plausible import (
    Distance,
    believed,
    broker_target,
    distance_of,
    may_be_sent_to,
)

OWN = ["192.168.1.5", "2001:db8::5", "127.0.0.1", "::1"]
OUT, IN = "203.0.113.1", "192.168.1.9"


@pytest.mark.parametrize(
    ("host", "distance"),
    [
        ("127.0.0.9", Distance.MACHINE),
        ("::1", Distance.MACHINE),
        ("::ffff:127.0.0.1", Distance.MACHINE),
        ("10.1.2.3", Distance.NETWORK),
        ("100.64.0.1", Distance.NETWORK),
        ("::ffff:10.1.2.3", Distance.NETWORK),
        ("fe80::1%eth0", Distance.NETWORK),
        ("fd00::1", Distance.NETWORK),
        ("203.0.113.1", Distance.ANYWHERE),
        ("2001:db8::1", Distance.ANYWHERE),
        ("0.0.0.0", None),
        ("::", None),
        ("224.0.0.1", None),
        ("ff02::1", None),
        ("255.255.255.255", None),
        ("example.org", None),
        ("", None),
    ],
)
def test_how_far_away_an_address_is_reached_from(host: str, distance: Distance | None) -> None:
    assert distance_of(host) is distance


@pytest.mark.parametrize(
    ("service", "observed", "told"),
    [
        (OUT, "198.51.100.7", ["198.51.100.7"]),
        (OUT, "::ffff:198.51.100.7", ["198.51.100.7"]),
        (OUT, "10.11.12.13", []),  # how would it know?
        (OUT, "127.0.0.1", []),
        (OUT, "169.254.1.1", []),
        (OUT, "224.0.0.1", []),
        (OUT, "2001:db8::66", []),
        (OUT, "x" * 5000, []),
        (OUT, "", []),
        (IN, "10.11.12.13", ["10.11.12.13"]),
        (IN, "198.51.100.7", []),
        (IN, "192.168.1.5", []),  # known anyway
        ("2001:db8::1", "2001:db8::66", []),
        ("2001:db8::1", "198.51.100.7", []),
        ("127.0.0.1", "198.51.100.7", []),
        ("127.0.0.1", "192.168.77.7", []),
        ("", "198.51.100.7", []),
    ],
)
def test_where_a_service_sees_us_is_believed_where_it_could_know(service: str, observed: str, told: list[str]) -> None:
    assert believed([(service, observed)], OWN) == told


def test_who_has_a_public_address_has_no_other() -> None:
    own = ["198.51.100.7", "127.0.0.1", "::1"]
    assert believed([(OUT, "198.51.100.8")], own) == []


def test_few_are_believed_and_first_what_most_say() -> None:
    lies = [(OUT, f"198.51.100.{number}") for number in range(50)]
    truth = [(f"203.0.113.{number}", "192.0.2.9") for number in range(2)]
    told = believed([*lies, *truth], OWN)
    assert told[0] == "192.0.2.9"
    assert len(told) == OBSERVED_MOST


@settings(deadline=None)  # the first address that is none loads the tables of what a terminal shows
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5), st.lists(st.text(max_size=20)))
def test_nothing_that_is_said_of_addresses_raises(seen: list[tuple[str, str]], own: list[str]) -> None:
    assert len(believed(seen, own)) <= OBSERVED_MOST
    for service, host in seen:
        may_be_sent_to(service, host)
        broker_target(host)


@pytest.mark.parametrize(
    ("service", "host", "may"),
    [
        (OUT, "198.51.100.7", True),
        (OUT, "2001:db8::7", True),
        (OUT, OUT, True),
        (OUT, "10.0.0.1", False),
        (OUT, "fe80::1%eth0", False),
        (OUT, "127.0.0.1", False),
        (OUT, "::ffff:127.0.0.1", False),
        (OUT, "0.0.0.0", False),  # which is this machine to many systems
        (OUT, "255.255.255.255", False),
        (IN, "10.0.0.1", True),
        (IN, "198.51.100.7", True),
        (IN, "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "198.51.100.7", True),
        ("", "198.51.100.7", False),
    ],
)
def test_no_service_sends_us_further_inward_than_it_is_itself(service: str, host: str, may: bool) -> None:
    assert may_be_sent_to(service, host) is may


@pytest.mark.parametrize("address", ["mail.example:25", "h:1023", "h:0", "", "a b", "h" * 300 + "/x y", "ssh://h:22"])
def test_what_no_broker_is_dialled_at(address: str) -> None:
    assert broker_target(address) is None


def test_a_broker_with_a_fingerprint_keeps_it() -> None:
    target = broker_target("relay.example#" + "a" * 24)
    assert target is not None
    assert (target.host, target.port, target.fingerprint) == ("relay.example", 5000, "a" * 24)
