"""The ports of a broker: one block, from a base."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandpiper.common.errors import SandpiperError
from sandpiper.common.limits import FREE_PORT_LEAST, FREE_PORT_MOST, FREE_PORT_TRIES

BLOCK = 13


@dataclass(frozen=True, slots=True)
class Ports:
    """The block of ports that begins at `door`."""

    door: int

    @property
    def xsub(self) -> int:
        """Publications, CURVE."""
        return self.door + 1

    @property
    def xpub(self) -> int:
        """Subscriptions, CURVE."""
        return self.door + 2

    @property
    def plain_xsub(self) -> int:
        """Publications, plain, loopback."""
        return self.door + 11

    @property
    def plain_xpub(self) -> int:
        """Subscriptions, plain, loopback."""
        return self.door + 12


def pick(hosts: Sequence[str], randrange: Callable[[int, int], int]) -> Ports:
    """A base whose whole block is free now. Raises SandpiperError when none is found."""
    for _ in range(FREE_PORT_TRIES):
        base = randrange(FREE_PORT_LEAST, FREE_PORT_MOST)
        if all(_free(each, base + offset) for offset in range(BLOCK) for each in {*hosts, "127.0.0.1"}):
            return Ports(base)
    raise SandpiperError(
        f"no free block of {BLOCK} ports between {FREE_PORT_LEAST} and {FREE_PORT_MOST}; name one with --port"
    )


def _free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((host, port))
    except OSError:
        return False
    return True
