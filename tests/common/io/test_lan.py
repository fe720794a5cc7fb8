"""What of the local network is believed, and what is said where there is none. tests/sockets has the real networks."""

from __future__ import annotations

import asyncio
import errno
from ipaddress import ip_interface, ip_network

import ifaddr
import pytest

from sandpiper.common.io import lan, mdns
from sandpiper.common.io.lan import Lan, means, places
from sandpiper.common.limits import LAN_ADDRESSES, LAN_INTERFACES, LAN_TXT_BYTES

HOME = (ip_network("192.168.1.0/24"), ip_network("203.0.113.0/24"), ip_network("2001:db8:7::/64"))


def txt(*strings: bytes) -> bytes:
    return b"".join(bytes([len(string)]) + string for string in strings)


# What a service says -------------------------------------------------------------------------------------------


def test_the_room_is_the_one_that_is_named_in_our_version() -> None:
    assert means(txt(b"n=42", b"v=1"), 42)
    assert means(txt(b"later=yes", b"v=1", b"n=42", b""), 42)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        txt(b"n=42"),
        txt(b"v=1"),
        txt(b"n=421", b"v=1"),
        txt(b"n=042", b"v=1"),
        txt(b"n= 42", b"v=1"),
        txt(b"n=42", b"v=2"),
        txt(b"N=42", b"v=1"),
        txt(b"x=n=42", b"v=1"),
        b"\xff" + txt(b"n=42", b"v=1"),
        b"\x00" * LAN_TXT_BYTES,
        txt(b"n=42", b"v=1", b"x" * LAN_TXT_BYTES),
    ],
)
def test_all_else_is_another_room_or_rubbish(text: bytes) -> None:
    assert not means(text, 42)


def test_the_likeliest_address_comes_first() -> None:
    told = ["fe80::1%3", "fd00::1", "10.9.9.9", "192.168.1.5"]
    assert places(told, 8000, HOME) == ["192.168.1.5:8000", "10.9.9.9:8000", "[fd00::1]:8000", "[fe80::1%3]:8000"]


def test_a_network_with_public_addresses_is_near_when_it_is_ours() -> None:
    assert places(["203.0.113.9", "2001:db8:7::9"], 8000, HOME) == ["203.0.113.9:8000", "[2001:db8:7::9]:8000"]
    assert places(["203.0.113.9", "2001:db8:7::9"], 8000, ()) == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "::",
        "224.0.0.251",
        "ff02::fb",
        "255.255.255.255",
        "8.8.8.8",
        "2001:4860:4860::8888",
        "::ffff:127.0.0.1",
        "::ffff:192.168.1.5",
        "fe80::1",  # on which wire?
        "printer.local",
        "",
        "1" * 5000,
    ],
)
def test_nobody_sends_us_elsewhere(address: str) -> None:
    assert places([address], 8000, HOME) == []


@pytest.mark.parametrize("port", [-1, 0, 25, 631, 1023, 65536, 70000])
def test_ports_where_no_meeting_point_is(port: int) -> None:
    assert places(["192.168.1.5"], port, HOME) == []


def test_a_service_has_so_many_addresses_and_no_more() -> None:
    assert len(places([f"10.0.0.{n}" for n in range(1, 200)], 8000, HOME)) == LAN_ADDRESSES


# This machine's interfaces -------------------------------------------------------------------------------------


def adapter(index: int, *addresses: str) -> ifaddr.Adapter:
    parsed = map(ip_interface, addresses)
    ips = [
        ifaddr.IP(str(each.ip) if each.version == 4 else (str(each.ip), 0, index), each.network.prefixlen, "x")
        for each in parsed
    ]
    return ifaddr.Adapter("x", "x", ips, index)


def test_tunnels_come_last_and_loopback_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    tunnels = [adapter(10 + n, f"fe80::{n + 1}/64") for n in range(LAN_INTERFACES)]
    adapters = [adapter(1, "127.0.0.1/8", "::1/128"), *tunnels, adapter(30, "192.168.1.5/24", "fe80::5/64")]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    found = mdns.interfaces()
    assert [interface.index for interface in found] == [30, *range(10, 10 + LAN_INTERFACES - 1)]
    assert [str(address) for address in found[0].addresses] == ["192.168.1.5/24", "fe80::5/64"]


async def searched(monkeypatch: pytest.MonkeyPatch, error: OSError | None, *adapters: ifaddr.Adapter) -> Lan:
    def refuse(*_: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(ifaddr, "get_adapters", lambda: list(adapters))
    monkeypatch.setattr(mdns, "_try_multicast", refuse)
    monkeypatch.setattr(mdns, "_try_multicast6", refuse)
    network = Lan()
    assert await asyncio.wait_for(network.browse(42, 30.0), 5.0) == []
    await network.advertise(42, 8000)
    await network.close()
    return network


def test_without_a_network_it_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = asyncio.run(searched(monkeypatch, None, adapter(1, "127.0.0.1/8", "::1/128")))
    assert nothing.trouble == lan.NO_NETWORK


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EPERM, "firewall"),
        (errno.EACCES, "firewall"),
        (errno.EADDRINUSE, "another program"),
        (errno.ENETUNREACH, "Network is unreachable"),
    ],
)
def test_where_multicast_is_refused_it_says_why(monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    error = OSError(number, "Network is unreachable")
    refused = asyncio.run(searched(monkeypatch, error, adapter(2, "192.168.1.5/24", "fe80::5/64")))
    assert words in refused.trouble


def test_a_system_that_tells_no_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EPERM, "no")

    monkeypatch.setattr(ifaddr, "get_adapters", refuse)

    async def search() -> Lan:
        network = Lan()
        assert await network.browse(42, 5.0) == []
        await network.close()
        return network

    assert asyncio.run(search()).trouble
