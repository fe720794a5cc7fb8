"""The ports where the others connect to: two side by side, on every address or on loopback alone.

The ports are below the ephemeral range, for a connection out of it could meet itself. libzmq cannot cut a single
connection, but a door that is closed and opened again has cut them all.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import random
from collections.abc import Sequence
from typing import NamedTuple

import zmq

from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.io.bindings import Bindings
from sandpiper.common.io.sockets import Socket
from sandpiper.common.limits import FREE_PORT_LEAST, FREE_PORT_MOST, FREE_PORT_TRIES
from sandpiper.peer.p2p.mesh.connection import Address

_EVERY_V4, _EVERY_V6 = "0.0.0.0", "::"  # noqa: S104 the mesh is for others, and CURVE guards it
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENODEV, errno.EINVAL)


class MeshPorts(NamedTuple):
    """The two ports: others hear us at `pub`, and those who can only connect outward are heard at `sub`."""

    pub: int
    sub: int


class PortPair:
    """Binds the two sockets of the listeners, and binds them again to cut all their connections."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pub: Socket, sub: Socket) -> None:
        self._pub = pub
        self._sub = sub
        self._bindings = Bindings(loop)

    def bind(self, hosts: Sequence[str], port: int | None) -> MeshPorts:
        """Binds them to `port` and the next, or to any two that are free. Raises SandpiperError."""
        hosts = _hosts(hosts)
        if port is not None:
            if not 0 < port < 65535:
                raise UsageError(f"no two ports from {port} on; name one from 1 to 65534")
            if not self._try(hosts, port):
                raise SandpiperError(f"port {port} or {port + 1} is in use; name another, or none for any that is free")
            return MeshPorts(port, port + 1)
        for _ in range(FREE_PORT_TRIES):
            port = random.randrange(FREE_PORT_LEAST, FREE_PORT_MOST, 2)
            if self._try(hosts, port):
                return MeshPorts(port, port + 1)
        raise SandpiperError(
            f"no two free ports between {FREE_PORT_LEAST} and {FREE_PORT_MOST}; name one with --listen"
        )

    def rebind(self) -> None:
        """Cuts all connections; whoever is admitted is back in a moment."""
        self._bindings.rebind()

    def close(self) -> None:
        """Opens none again. The sockets stay their owner's."""
        self._bindings.close()

    def _try(self, hosts: Sequence[str], port: int) -> bool:
        """Whether both ports were free at every host that there is."""
        bound: list[tuple[Socket, str]] = []
        missing = ""
        for host in hosts:
            for socket, number in ((self._pub, port), (self._sub, port + 1)):
                try:
                    socket.bind(f"tcp://{Address(host, number)}")
                except zmq.ZMQError as error:
                    if error.errno in _NO_SUCH_ADDRESS:
                        missing = host
                        break  # IPv6 may be off; the other family will do
                    for taken, endpoint in bound:
                        taken.unbind(endpoint)
                    if error.errno == errno.EADDRINUSE:
                        return False
                    raise SandpiperError(f"cannot listen at {Address(host, number)}: {error.strerror}") from None
                bound.append((socket, socket.getsockopt_string(zmq.LAST_ENDPOINT)))
        if not bound and missing == _EVERY_V6:
            return self._try([_EVERY_V4], port)
        if not bound:
            raise SandpiperError(f"this machine has no address {missing}")
        for taken, endpoint in bound:
            self._bindings.add(taken, endpoint)
        return True


def _hosts(hosts: Sequence[str]) -> list[str]:
    """The hosts to bind: for every address IPv6's wildcard, which takes IPv4 in too. Raises UsageError."""
    for host in hosts:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise UsageError(f"not an address of this machine: {host!r}; name one by its numbers") from None
    if _EVERY_V6 in hosts or _EVERY_V4 in hosts:
        return [_EVERY_V6]  # where there is none, `_try` takes IPv4's
    return list(dict.fromkeys(hosts))
