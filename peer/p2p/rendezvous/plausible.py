"""Judging what a discovery service says of addresses: where it sees us, and which brokers relay.

Members dial both, and a service may lie, so it is believed only as far as it could know, and may send us only where it
could have gone itself: one out on the internet into nobody's network, one in our network out of it, but not to what is
on this machine alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias

from sandpiper.common.errors import SandpiperError
from sandpiper.common.limits import ANNOUNCED_PORT_LEAST, OBSERVED_MOST
from sandpiper.common.target import Target, parse_host

_IP: TypeAlias = "IPv4Address | IPv6Address"


class Distance(IntEnum):
    """From how far away an address can be reached."""

    MACHINE = 0
    NETWORK = 1
    ANYWHERE = 2


_INNER: Final = [
    ip_network(each)
    for each in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip


def distance_of(host: str) -> Distance | None:
    """From how far away an address can be reached; None for what is no address of one machine."""
    address = _parsed(host)
    if address is None or address.is_multicast or address.is_unspecified or address == IPv4Address("255.255.255.255"):
        return None
    if address.is_loopback:
        return Distance.MACHINE
    inner = any(address.version == network.version and address in network for network in _INNER)
    return Distance.NETWORK if inner else Distance.ANYWHERE


def _parsed(host: str) -> _IP | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def believed(seen: Iterable[tuple[str, str]], own: Sequence[str]) -> list[str]:
    """The addresses that a router gives us, of what services say: pairs of a service's host and where it sees us. Those
    that more of them say come first; few are believed. `own` are the interfaces' addresses, which need no telling.
    """
    ours = {address for host in own if (address := _parsed(host)) is not None}
    public = any(address.version == 4 and distance_of(str(address)) is Distance.ANYWHERE for address in ours)
    votes: Counter[str] = Counter()
    for service, observed in seen:
        address = _parsed(observed)
        if address is not None and address not in ours and _could_be_ours(service, address, public):
            votes[str(address)] += 1
    return [host for host, _ in votes.most_common(OBSERVED_MOST)]


def _could_be_ours(service: str, address: _IP, public: bool) -> bool:
    """Whether an address that none of our interfaces has is one that a router may give us, as this service sees it."""
    at, distance = _parsed(service), distance_of(str(address))
    if at is None or at.version != 4 or address.version != 4:  # nobody's address of IPv6 is given by a router
        return False
    if distance is Distance.ANYWHERE and public:
        return False
    return distance is distance_of(service) and distance not in (None, Distance.MACHINE)


def broker_target(address: str) -> Target | None:
    """The broker that a service announces; None for what no broker is to be dialled at."""
    try:
        target = parse_host(address)
    except SandpiperError:
        return None
    return target if target.port >= ANNOUNCED_PORT_LEAST else None


def may_be_sent_to(service: str, host: str) -> bool:
    """Whether a service at one address may send us to another: never further inward than it is itself."""
    distance, own = distance_of(host), distance_of(service)
    if distance is None or own is None or "%" in host:
        return False
    return distance >= own or _parsed(host) == _parsed(service)
