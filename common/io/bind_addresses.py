"""The addresses where a service listens: what `--host` says, as the addresses of this machine that it means.

Every address is IPv4's and IPv6's, and this machine alone is both its loopbacks, wherever the machine has both: whom
one name leads to the one and another name to the other is to meet the same service.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.host_port import joined
from sandpiper.common.io import resolver
from sandpiper.common.io.os_errors import reason

LOCALHOST: Final = "localhost"
EVERYWHERE: Final = ("0.0.0.0", "::", "*")  # noqa: S104  # told apart here
_LOOPBACKS: Final = ("127.0.0.1", "::1")
_FAMILIES: Final = ("0.0.0.0", "::")  # noqa: S104
_TRY: Final = "0.0.0.0 is every address, localhost this machine alone"


@dataclass(frozen=True, slots=True)
class Hosts:
    """The addresses of a service.

    `door`: each address by its own family. `bus`: for libzmq, whose `::` takes IPv4 in too. `name`: for others.
    """

    name: str
    door: tuple[str, ...]
    bus: tuple[str, ...]

    def at(self, port: int) -> str:
        """HOST:PORT."""
        return joined(self.name, port)


def checked(host: str) -> str:
    """Checks what `--host` says, as far as its form shows. Raises UsageError."""
    host = host.strip()
    inner, bracket, rest = host.removeprefix("[").partition("]")
    before, colon, port = host.rpartition(":")
    if not host:
        raise UsageError(f"--host names no address; {_TRY}")
    if host.startswith("[") and bracket and not rest:
        raise UsageError(f"--host {host}: an address without brackets, {inner}")
    if colon and port.isdigit() and (":" not in before or before.endswith("]")):
        raise UsageError(f"--host {host}: an address without a port; give --port {port} with it")
    if any(mark in host for mark in "/[] \t#") or (":" in host and not resolver.is_numeric(host)):
        raise UsageError(f"--host {host} is no address and no name of a machine; {_TRY}")
    return host


async def own(host: str, *, ipv6: bool = True) -> Hosts:
    """The addresses that `host` means. Raises SandpiperError for one that is not this machine's, or no name.

    Without `ipv6` every address is every one of IPv4.
    """
    if host in EVERYWHERE:
        found = [each for each in _FAMILIES if (ipv6 or ":" not in each) and _is_ours(each)] or [_FAMILIES[0]]
        return Hosts(_FAMILIES[0] if host == "*" else host, tuple(found), (found[-1],))
    if host.lower() == LOCALHOST:
        found = [each for each in _LOOPBACKS if _is_ours(each)] or [_LOOPBACKS[0]]
        return Hosts(found[0], tuple(found), tuple(found))
    try:
        meant = await resolver.numeric(host)
    except OSError as error:
        raise SandpiperError(f"cannot listen on {host}: {reason(error)}; {_TRY}") from error
    found = [each for each in meant if _is_ours(each)]
    if not found:
        which = "it" if meant == [host] else f"it is {' and '.join(meant)}, which"
        cause = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        raise SandpiperError(f"cannot listen on {host}: {which} is not of this machine; {_TRY}") from cause
    return Hosts(host, tuple(found), tuple(found))


def _is_ours(host: str) -> bool:
    """Whether it can be bound: an address of this machine, of a family that it has."""
    with suppress(OSError), _bound(host, 0):
        return True
    return False


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if os.name == "posix":  # elsewhere it would let two have the same port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made


def bound(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Sockets bound to all of them at one port; 0 takes one that the system gives. Raises OSError."""
    made: list[socket.socket] = []
    try:
        for host in hosts:
            made.append(_bound(host, port))
            port = int(made[-1].getsockname()[1])
    except BaseException:
        for each in made:
            each.close()
        raise
    return made
