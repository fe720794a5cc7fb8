from __future__ import annotations

import pytest

from sandpiper.common.errors import UsageError
from sandpiper.common.target import Target, check_local, parse_address, parse_host, parse_listen

FINGERPRINT = "abcdefghijklmnopqrstu234"


def test_connect_takes_a_bare_word_as_a_host() -> None:
    assert parse_host("foo") == Target("foo")
    assert parse_host("pine-ocean-42") == Target("pine-ocean-42")
    assert parse_host(f"foo#{FINGERPRINT}") == Target("foo", fingerprint=FINGERPRINT)


def test_a_service_is_an_address_alone() -> None:
    assert parse_address("foo", 8000) == "foo:8000"
    assert parse_address(f"tcp://[::1]:1#{FINGERPRINT}", 8000) == f"[::1]:1#{FINGERPRINT}"
    with pytest.raises(UsageError, match="names a room"):
        parse_address("foo/lobby", 8000)


def test_a_host_s_lower_case_is_a_host_too() -> None:
    with pytest.raises(UsageError, match="host name"):
        parse_host("\u0130x")


def test_addresses_bracket_ipv6() -> None:
    assert Target("::1").address == "[::1]:5000"
    assert Target("foo", 1).address == "foo:1"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("::1", "::1", None),
        ("[::1]", "::1", None),
        ("[::1]:7000", "::1", 7000),
        ("[::1]:0", "::1", None),
        ("127.0.0.1", "127.0.0.1", None),
        ("127.0.0.1:7000", "127.0.0.1", 7000),
        ("localhost", "localhost", None),
        ("localhost:7000", "localhost", 7000),
    ],
)
def test_where_one_listens_is_an_address_with_or_without_a_port(text: str, host: str, port: int | None) -> None:
    assert parse_listen(text) == (host, port)
    check_local([], [], text)  # and all of these are on this machine


@pytest.mark.parametrize("text", ["0.0.0.0", "[::]:7000", "::", ":7000", "d.example:7000", "2001:db8::1", "fe80::1"])
def test_who_stays_on_this_machine_listens_nowhere_else(text: str) -> None:
    parse_listen(text)
    with pytest.raises(UsageError, match="--local stays on this machine"):
        check_local([], [], text)


@pytest.mark.parametrize(
    "text", ["a:", "[::]:", "127.0.0.1:65535", "[::1]:x", "127.0.0.1:-1", "a:99999999999", "a:\u0661"]
)
def test_a_port_to_listen_at_leaves_room_for_the_next(text: str) -> None:
    with pytest.raises(UsageError, match="a port up to 65534"):
        parse_listen(text)
