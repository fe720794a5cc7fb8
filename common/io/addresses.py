"""The addresses of this machine, as others may reach them, the likeliest first."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

import ifaddr

from sandpiper.common.limits import LAN_INTERFACES, MESH_ADDRESSES
from sandpiper.common.target import on_wire

LOOPBACK: Final = ("127.0.0.1", "::1")
_SHARED = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598: carriers, and overlays such as Tailscale
_UNIQUE_LOCAL = ipaddress.ip_network("fc00::/7")
_INWARD = ("docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "lxc", "podman", "cni", "vEthernet")
"""Names of interfaces that lead to the inside of this machine: others have the same addresses on theirs."""


def candidates(local: bool) -> list[str]:
    """The addresses at which others may reach this machine, best first, its loopback last; with `local` that alone."""
    return rank([] if local else _interfaces())


def rank(found: Iterable[tuple[str, str]]) -> list[str]:
    """Ranks (interface, address) pairs in that way: none twice, not too many.

    Those of IPv6 that only their own wire knows come in, without its name, where there is nothing else.
    """
    ranked: list[tuple[int, str]] = []
    wires: list[str] = []
    for interface, host in found:
        bare = host.partition("%")[0]
        place = _place(host)
        if place is None and on_wire(bare) and not interface.startswith(_INWARD):
            wires.append(bare)
        elif place is not None:
            ranked.append((place + 10 * interface.startswith(_INWARD), host))
    ordered = dict.fromkeys([host for _, host in sorted(ranked, key=lambda each: each[0])] or wires)
    return [*list(ordered)[: MESH_ADDRESSES - len(LOOPBACK)], *LOOPBACK]


def by_wire(hosts: Iterable[str]) -> list[str]:
    """Others' addresses as they are dialled from here: one of a wire's own on each of our wires, as nobody says which.

    A wire's name in somebody else's address is a name of theirs, and no address.
    """
    hosts = [host for host in hosts if "%" not in host]
    if not any(map(on_wire, hosts)):
        return hosts
    names = dict.fromkeys(name for name, host in _interfaces() if on_wire(host) and not name.startswith(_INWARD))
    wires = list(names)[:LAN_INTERFACES]
    return [each for host in hosts for each in ([f"{host}%{name}" for name in wires] if on_wire(host) else [host])]


def _interfaces() -> list[tuple[str, str]]:
    try:
        adapters = list(ifaddr.get_adapters())
    except OSError:
        return []  # nothing but loopback then
    return [
        (adapter.nice_name, ip.ip if isinstance(ip.ip, str) else ip.ip[0]) for adapter in adapters for ip in adapter.ips
    ]


def _place(host: str) -> int | None:
    """Its place in the order; None for what others cannot use."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if address.is_loopback or address.is_multicast or address.is_unspecified:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        if address.is_link_local:
            return 4  # two machines and a cable have nothing else
        return 0 if address.is_private or address in _SHARED else 3
    if address.is_link_local or address.ipv4_mapped is not None:
        return None
    return 2 if address in _UNIQUE_LOCAL else 1
