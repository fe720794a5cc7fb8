"""mDNS on one network interface, by zeroconf. Import it late: zeroconf takes 60 ms and more.

Each interface has a responder of its own that names the addresses of that interface alone (RFC 6762, section 6.2): a
café learns nothing of a VPN, and nobody is sent to an address that they cannot reach.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any, Final

import ifaddr
from zeroconf import DNSQuestionType, Error, IPVersion
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from sandpiper.common.io.tasks import end
from sandpiper.common.limits import LAN_INTERFACES

Address = IPv4Interface | IPv6Interface

PORT: Final = 5353
_GROUP, _GROUP6 = "224.0.0.251", "ff02::fb"
_NO_QUESTION: Final = bytes(12)  # a DNS query that asks nothing: nobody answers it
_ALWAYS_MULTICAST: Final = DNSQuestionType.QM
"""An answer to one address reaches only one of the programs that share the port."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface; `addresses` are those that others may use, in the system's order."""

    index: int
    addresses: tuple[Address, ...]

    @property
    def narrow(self) -> bool:
        """Whether it has nothing but IPv6's link-local addresses, as tunnels and containers' ends have."""
        return all(address.version == 6 and address.is_link_local for address in self.addresses)


@dataclass(frozen=True, slots=True)
class Told:
    """A service as the network tells it, unchecked but for its form. `addresses` may have a zone: fe80::1%2."""

    text: bytes
    port: int
    addresses: list[str]


def interfaces() -> list[Interface]:
    """The interfaces of this machine, the likeliest first, without its loopback. Raises OSError."""
    found: list[Interface] = []
    for adapter in ifaddr.get_adapters():
        hosts = [(ip.ip if isinstance(ip.ip, str) else ip.ip[0], ip.network_prefix) for ip in adapter.ips]
        every = [ip_interface(f"{host.partition('%')[0]}/{prefix}") for host, prefix in hosts]
        addresses = tuple(each for each in every if not (each.is_loopback or each.is_unspecified or each.is_multicast))
        if addresses:
            found.append(Interface(adapter.index or 0, addresses))
    return sorted(found, key=lambda interface: interface.narrow)[:LAN_INTERFACES]


class Responder:
    """Tells of one service, and hears of others, on one interface. Made on a running loop. Raises OSError."""

    def __init__(self, interface: Interface) -> None:
        self.interface = interface
        self.names: set[str] = set()
        """What services of ours were told under."""
        chosen, version = _usable(interface)
        try:
            self._zeroconf = AsyncZeroconf(interfaces=chosen, ip_version=version)
        except RuntimeError as error:  # the interface has just gone
            raise OSError(errno.ENODEV, str(error)) from error
        self._info: AsyncServiceInfo | None = None
        self._telling: asyncio.Future[Any] | None = None

    async def tell(self, service: str, port: int, properties: dict[str, str]) -> None:
        """Tells of a service of this machine, instead of that told before, under a random name. Raises OSError."""
        await self._stop_repeating()
        before, label = self._info, secrets.token_hex(6)
        self.names.add(f"{label}.{service}")
        self._info = AsyncServiceInfo(
            service,
            f"{label}.{service}",
            port=port,
            properties=properties,
            server=f"{label}.local.",
            addresses=[address.ip.packed for address in self.interface.addresses],
        )
        try:
            # No probing: a name this random is nobody's, and a rival who claims it would only silence us.
            telling = await self._zeroconf.async_register_service(self._info, cooperating_responders=True)
            if before is not None:
                await (await self._zeroconf.async_unregister_service(before))
        except Error as error:
            raise OSError(errno.ENODEV, f"zeroconf did not start: {error or type(error).__name__}") from error
        self._telling = asyncio.ensure_future(telling)

    def browse(self, service: str, heard: Callable[[Responder, str], None]) -> AsyncServiceBrowser:
        """Calls `heard` for the name of each service of that kind, until the browser is cancelled."""

        def changed(*, name: str, **_: object) -> None:
            heard(self, name)

        return AsyncServiceBrowser(
            self._zeroconf.zeroconf, service, handlers=[changed], question_type=_ALWAYS_MULTICAST
        )

    async def resolve(self, service: str, name: str, seconds: float) -> Told | None:
        """Asks for all that there is to know of a service; None where nobody tells within that time, or its name is
        none.
        """
        try:
            info = AsyncServiceInfo(service, name)
            if not await info.async_request(self._zeroconf.zeroconf, seconds * 1000, _ALWAYS_MULTICAST):
                return None
        except Error:
            return None
        return Told(info.text, info.port or 0, info.parsed_scoped_addresses())

    async def close(self) -> None:
        """Takes back what was told, and ends."""
        await self._stop_repeating()
        await self._zeroconf.async_close()
        await asyncio.sleep(0)  # the transports close their sockets in the next turn

    async def _stop_repeating(self) -> None:
        """Stops zeroconf repeating an announcement, which it does for half a second."""
        await end(self._telling)


def _usable(interface: Interface) -> tuple[list[str | int], IPVersion]:
    """How zeroconf is to be told of an interface: an IPv4 address, and for IPv6 its index. Raises OSError."""
    four = next((str(address.ip) for address in interface.addresses if address.version == 4), None)
    six = any(address.version == 6 for address in interface.addresses) and interface.index
    chosen: list[str | int] = []
    errors: list[OSError] = []
    if four:
        try:
            _try_multicast(four)
            chosen.append(four)
        except OSError as error:
            errors.append(error)
    if six:
        try:
            _try_multicast6(interface.index)
            chosen.append(interface.index)
        except OSError as error:
            errors.append(error)
    if not chosen:
        raise errors[0] if errors else OSError(errno.ENODEV, "No address")
    if len(chosen) == 2:
        return chosen, IPVersion.All
    return chosen, IPVersion.V4Only if isinstance(chosen[0], str) else IPVersion.V6Only


def _try_multicast(host: str) -> None:
    """Does what zeroconf is going to do, which keeps what goes wrong to itself. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        _share(probe)
        probe.bind(("", PORT))
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(_GROUP) + socket.inet_aton(host))
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host))
        probe.sendto(_NO_QUESTION, (_GROUP, PORT))


def _try_multicast6(index: int) -> None:
    group = socket.inet_pton(socket.AF_INET6, _GROUP6)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        _share(probe)
        probe.bind(("", PORT))
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("@I", index))
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        probe.sendto(_NO_QUESTION, (_GROUP6, PORT, 0, index))


def _share(probe: socket.socket) -> None:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
