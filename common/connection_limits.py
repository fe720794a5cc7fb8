"""Limits on connections at the door: counted by address, the unfinished ones among them too."""

from __future__ import annotations

import ipaddress
from collections import Counter
from functools import lru_cache

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import (
    DOOR_CONNECTIONS,
    DOOR_PER_ADDRESS,
    DOOR_UNFINISHED_LOOPBACK,
    DOOR_UNFINISHED_PER_ADDRESS,
)


@lru_cache(maxsize=4096)
def household(address: str) -> str:
    """Returns what counts as one address: `loopback` for this machine, an IPv6 /64, which is one subscriber's."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return "loopback" if ip.is_loopback else str(ipaddress.ip_network((ip, 64), strict=False))
        ip = ip.ipv4_mapped
    return "loopback" if ip.is_loopback else str(ip)


@lru_cache(maxsize=4096)
def site(address: str) -> str:
    """Returns the household, or of IPv6 the /48 around it, which is the most that one subscriber is given."""
    home = household(address)
    return str(ipaddress.ip_network(home).supernet(new_prefix=48)) if home.endswith("::/64") else home


class ConnectionLimits:
    """Connections at a door, counted by address, and refused past the limits.

    Behind loopback sit a tunnel's many clients: it has limits of its own.
    """

    def __init__(self) -> None:
        self._present: Counter[str] = Counter()
        self._unfinished: Counter[str] = Counter()

    @property
    def present(self) -> int:
        """The number of connections now."""
        return self._present.total()

    @property
    def unfinished(self) -> int:
        """The number of connections that have not said a whole thing yet."""
        return self._unfinished.total()

    def enter(self, address: str) -> None:
        """Counts one connection more, unfinished so far. Raises Refusal."""
        home = household(address)
        local = home == "loopback"
        if self.present >= DOOR_CONNECTIONS:
            raise Refusal(Code.TOO_MANY, f"too many connections: at most {DOOR_CONNECTIONS}; try again later")
        if not local and self._present[home] >= DOOR_PER_ADDRESS:
            raise Refusal(Code.TOO_MANY, f"too many connections from {address}: at most {DOOR_PER_ADDRESS} at a time")
        limit = DOOR_UNFINISHED_LOOPBACK if local else DOOR_UNFINISHED_PER_ADDRESS
        if self._unfinished[home] >= limit:
            raise Refusal(Code.TOO_MANY, f"too many unfinished connections from {address}: at most {limit} at a time")
        self._present[home] += 1
        self._unfinished[home] += 1

    def begin(self, address: str) -> None:
        """Counts a connection as unfinished again: it has begun something."""
        self._unfinished[household(address)] += 1

    def finish(self, address: str) -> None:
        """Counts a connection as finished: it has said a whole thing."""
        _subtract(self._unfinished, household(address))

    def leave(self, address: str) -> None:
        """Counts one finished connection less."""
        _subtract(self._present, household(address))


def _subtract(counts: Counter[str], home: str) -> None:
    counts[home] -= 1
    if counts[home] <= 0:
        del counts[home]
