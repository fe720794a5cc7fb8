from __future__ import annotations

import asyncio
import socket

import pytest

from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.io import bind_addresses, resolver
from sandpiper.common.io.bind_addresses import Hosts, bound, checked, own

DEADLINE_S = 20.0


def meant(host: str) -> Hosts:
    return asyncio.run(asyncio.wait_for(own(host), DEADLINE_S))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What this machine has."""
    here = {"127.0.0.1", "::1", "0.0.0.0", "::", "10.0.0.5", "fd00::5"}
    monkeypatch.setattr(bind_addresses, "_is_ours", here.__contains__)
    return here


def test_everywhere_and_this_machine_alone_are_both_families(machine: set[str]) -> None:
    for host in ("0.0.0.0", "::", "*"):
        found = meant(host)
        assert (found.door, found.bus) == (("0.0.0.0", "::"), ("::",))
    assert meant("::").at(5000) == "[::]:5000"
    assert meant("localhost") == Hosts("127.0.0.1", ("127.0.0.1", "::1"), ("127.0.0.1", "::1"))
    assert meant("127.0.0.1").door == ("127.0.0.1",)


def test_without_ipv6_they_are_the_one_that_is_there(machine: set[str]) -> None:
    machine -= {"::", "::1", "fd00::5"}
    for host in ("0.0.0.0", "::"):
        assert (meant(host).door, meant(host).bus) == (("0.0.0.0",), ("0.0.0.0",))
    assert meant("localhost").door == ("127.0.0.1",)


def test_a_name_is_those_of_its_addresses_that_are_ours(machine: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def numeric(host: str) -> list[str]:
        return ["fd00::5", "10.0.0.6", "10.0.0.5"]

    monkeypatch.setattr(resolver, "numeric", numeric)
    assert meant("srv") == Hosts("srv", ("fd00::5", "10.0.0.5"), ("fd00::5", "10.0.0.5"))
    machine.clear()
    with pytest.raises(
        SandpiperError, match=r"srv: it is fd00::5 and 10\.0\.0\.6 and 10\.0\.0\.5, which is not of this"
    ):
        meant("srv")


def test_what_is_not_of_this_machine_is_called_so(machine: set[str]) -> None:
    with pytest.raises(SandpiperError, match=r"cannot listen on 203\.0\.113\.9: it is not of this machine; 0\.0\.0\.0"):
        meant("203.0.113.9")


def test_a_name_that_is_none_is_said(machine: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*what: object, **how: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(SandpiperError, match=r"cannot listen on no\.such\.host: Name or service not known"):
        meant("no.such.host")


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("", "names no address"),
        ("[::]", "without brackets, ::"),
        ("0.0.0.0:5000", "without a port; give --port 5000"),
        ("[::1]:5000", "without a port; give --port 5000"),
        ("localhost:5000", "without a port"),
        ("tcp://0.0.0.0", "is no address"),
        ("a b", "is no address"),
        ("fe80:::1", "is no address"),
    ],
)
def test_what_has_another_form_is_named_as_what_it_is(host: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"--host") as raised:
        checked(host)
    assert said in str(raised.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "*", "localhost", "::1", "fe80::1%eth0", "nas.local", "10.0.0.5"])
def test_good_ones_pass(host: str) -> None:
    assert checked(f" {host} ") == host


def test_one_port_for_all_and_nothing_is_left_where_one_is_taken() -> None:
    made = bound(["127.0.0.1", "127.0.0.2"], 0)
    port = made[0].getsockname()[1]
    assert [each.getsockname() for each in made] == [("127.0.0.1", port), ("127.0.0.2", port)]
    made[0].close()
    made[1].listen()
    with pytest.raises(OSError, match="in use"):
        bound(["127.0.0.1", "127.0.0.2"], port)
    again = bound(["127.0.0.1"], port)
    for each in (*again, made[1]):
        each.close()
