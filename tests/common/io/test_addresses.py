"""Which of this machine's addresses are offered to others, and in which order."""

from __future__ import annotations

import ipaddress

import ifaddr
import pytest

from sandpiper.common.io import addresses as interfaces
from sandpiper.common.io.addresses import LOOPBACK, by_wire, candidates, rank
from sandpiper.common.limits import MESH_ADDRESSES
from sandpiper.peer.p2p.mesh.connection import Address

FOUND = [
    ("lo", "127.0.0.1"),
    ("lo", "::1"),
    ("docker0", "172.17.0.1"),
    ("eth1", "8.8.8.8"),
    ("eth0", "fd00::2"),
    ("eth0", "fe80::1"),
    ("eth0", "fe80::1%eth0"),
    ("usb0", "169.254.7.7"),
    ("eth0", "2a00:1450::5"),
    ("tailscale0", "100.101.102.103"),
    ("eth0", "192.168.1.5"),
    ("eth0", "192.168.1.5"),
    ("eth0", "224.0.0.1"),
    ("eth0", "::ffff:10.0.0.1"),
    ("eth0", "0.0.0.0"),
    ("eth0", "what?"),
]


def test_the_order() -> None:
    assert rank(FOUND) == [
        "100.101.102.103",
        "192.168.1.5",
        "2a00:1450::5",
        "fd00::2",
        "8.8.8.8",
        "169.254.7.7",
        "172.17.0.1",
        *LOOPBACK,
    ]


def test_addresses_of_a_wire_alone_are_offered_where_there_is_nothing_else() -> None:
    found = [("lo", "::1"), ("docker0", "fe80::7"), ("eth0", "fe80::1%eth0"), ("wlan0", "fe80::2")]
    assert rank(found) == ["fe80::1", "fe80::2", *LOOPBACK]
    assert rank([*found, ("eth0", "169.254.7.7")]) == ["169.254.7.7", *LOOPBACK]


def test_others_addresses_of_a_wire_are_dialled_on_each_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [("eth0", "fe80::1"), ("wlan0", "fe80::2"), ("eth0", "10.0.0.1"), ("docker0", "fe80::3"), ("lo", "::1")]
    monkeypatch.setattr(interfaces, "_interfaces", lambda: ours)
    assert by_wire(["10.0.0.9", "fe80::9", "::1"]) == ["10.0.0.9", "fe80::9%eth0", "fe80::9%wlan0", "::1"]
    assert by_wire(["fe80::9%theirs", "10.0.0.9%x", "10.0.0.9"]) == ["10.0.0.9"]
    assert Address("fe80::9%eth0", 7000).usable
    assert not Address("fd00::9%eth0", 7000).usable


def test_not_more_than_others_would_try() -> None:
    many = rank(("eth0", f"10.0.0.{number}") for number in range(1, 100))
    assert len(many) == MESH_ADDRESSES
    assert many[-2:] == list(LOOPBACK)


def test_this_machine() -> None:
    assert candidates(True) == list(LOOPBACK)
    assert candidates(False)[-2:] == list(LOOPBACK)
    for host in candidates(False):
        ipaddress.ip_address(host)


def test_an_interface_has_both_families_and_an_unreadable_list_is_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    ips = [ifaddr.IP("192.168.1.5", 24, "eth0"), ifaddr.IP(("fd00::2", 0, 0), 64, "eth0")]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [ifaddr.Adapter("eth0", "eth0", ips)])
    assert candidates(False) == ["192.168.1.5", "fd00::2", *LOOPBACK]

    def broken() -> list[ifaddr.Adapter]:
        raise OSError("no netlink here")

    monkeypatch.setattr(ifaddr, "get_adapters", broken)
    assert candidates(False) == list(LOOPBACK)
