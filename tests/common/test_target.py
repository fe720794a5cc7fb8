from __future__ import annotations

import pytest

from sandpiper.common.errors import UsageError
from sandpiper.common.target import Target, parse_address, parse_host

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
