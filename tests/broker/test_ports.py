from __future__ import annotations

import random
import socket

import pytest

from sandpiper.broker.ports import BLOCK, Ports, pick
from sandpiper.common.errors import SandpiperError


def test_the_block() -> None:
    ports = Ports(5000)
    assert (ports.xsub, ports.xpub, ports.plain_xsub, ports.plain_xpub) == (5001, 5002, 5011, 5012)
    assert ports.plain_xpub < ports.door + BLOCK


def test_a_block_with_a_taken_port_is_passed_over() -> None:
    wanted = iter([25_000 + 100 * attempt for attempt in range(50)])
    tried: list[int] = []

    def draw(low: int, high: int) -> int:
        assert 1024 < low < high <= 32_768 - BLOCK
        tried.append(next(wanted))
        return tried[-1]

    with socket.socket() as taken:
        base = pick(["127.0.0.1"], draw).door
        taken.bind(("127.0.0.1", base + BLOCK - 1))
        again = iter([base, base + 50])
        assert pick(["127.0.0.1"], lambda low, high: next(again)).door == base + 50


def test_no_free_block_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = taken.getsockname()[1]
        with pytest.raises(SandpiperError, match="no free block"):
            pick(["127.0.0.1"], lambda low, high: base)


def test_ipv6_addresses_are_looked_at_as_such() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    assert 20_000 <= pick(["::1"], random.randrange).door < 32_000
