"""The local network without a server: who has a meeting point for the room at a nameplate, asked and told by mDNS.

What is told is the nameplate, a port, and random names: no nick, no word of the code, no name of the machine. What is
heard may come from anybody. It is bounded, here and in zeroconf, and only addresses of the neighbourhood are believed,
so that nobody can send us farther than they reach themselves; whoever answers learns and decides nothing (SPAKE2).
"""

from __future__ import annotations

import asyncio
import errno
import importlib
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from sandpiper.common.host_port import joined
from sandpiper.common.io.tasks import end
from sandpiper.common.limits import (
    INTERFACES_S,
    LAN_ADDRESSES,
    LAN_GATHER_S,
    LAN_NAMES,
    LAN_PLACES,
    LAN_PORT_LEAST,
    LAN_TXT_BYTES,
    VERSION,
)

if TYPE_CHECKING:
    from sandpiper.common.io.mdns import Interface, Responder

log = logging.getLogger("sandpiper.lan")

SERVICE: Final = "_sandpiper._tcp.local."
NO_NETWORK: Final = "this machine has no network but its own loopback"
Network = IPv4Network | IPv6Network

_NEAR: Final[tuple[Network, ...]] = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"))
)
_WIRE6: Final = ip_network("fe80::/10")
_BLOCKED: Final = (errno.EPERM, errno.EACCES)


class Lan:
    """Search and announcement of one room on the local network.

    `trouble` says why multicast does not work here; it is empty while it does. Nothing raises.

    `turned` hears when it is another.
    """

    def __init__(self, turned: Callable[[str], None] = lambda trouble: None) -> None:
        self.trouble = ""
        self._turned = turned
        self._wanted: tuple[int, int] | None = None
        self._responders: dict[Interface, Responder] = {}
        self._told: dict[Interface, tuple[int, int]] = {}
        self._searches = 0
        self._closed = False
        self._one_at_a_time = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    async def advertise(self, nameplate: int, port: int) -> None:
        """Tells the network that the room has a meeting point at this port of ours, instead of what was told before.

        It follows this machine's addresses, until the end.
        """
        if self._closed:
            return
        self._wanted = (nameplate, port)
        await self._follow()
        if self._watching is None and not self._closed:
            self._watching = asyncio.create_task(self._watch())

    async def browse(self, nameplate: int, seconds: float) -> list[str]:
        """HOST:PORT of others' meeting points of that room: of the first found, and of who answers soon after."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        self._searches += 1
        try:
            await self._follow()
            if not self._responders:
                return []
            search = _Search(nameplate, self._responders.values(), until)
            try:
                await search.wait(until)
            finally:
                await search.close()
            return search.places
        finally:
            self._searches -= 1
            await self._follow()

    async def close(self) -> None:
        """Takes back what was told, and lets go of everything."""
        self._closed = True
        if self._watching is not None:
            async with self._one_at_a_time:  # never in the middle of something
                self._watching.cancel()
            await end(self._watching)
        await self._follow()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERFACES_S)
            await self._follow()

    async def _follow(self) -> None:
        """Has a responder on each interface while there is anything to tell or to ask, telling what is wanted."""
        async with self._one_at_a_time:
            needed = not self._closed and (self._wanted is not None or self._searches > 0)
            found, trouble = await _interfaces() if needed else ([], "")
            gone = [interface for interface in self._responders if interface not in found]
            await asyncio.gather(*(self._drop(interface) for interface in gone))
            for interface in found:
                trouble = self._open(interface) or trouble
            for interface, error in await self._tell():
                trouble = _words(error)
                await self._drop(interface)
            if needed:
                self._say("" if self._responders else trouble or NO_NETWORK)

    def _open(self, interface: Interface) -> str:
        from sandpiper.common.io.mdns import Responder

        if interface in self._responders:
            return ""
        try:
            self._responders[interface] = Responder(interface)
        except OSError as error:
            return _words(error)
        return ""

    async def _tell(self) -> list[tuple[Interface, OSError]]:
        """Has each responder tell what is wanted; who could not, and why."""
        wanted = self._wanted
        if wanted is None:
            return []
        nameplate, port = wanted
        behind = [interface for interface in self._responders if self._told.get(interface) != wanted]
        properties = {"n": str(nameplate), "v": str(VERSION)}
        telling = (self._responders[interface].tell(SERVICE, port, properties) for interface in behind)
        failed: list[tuple[Interface, OSError]] = []
        for interface, outcome in zip(behind, await asyncio.gather(*telling, return_exceptions=True), strict=True):
            if isinstance(outcome, OSError):
                failed.append((interface, outcome))
            elif outcome is not None:
                raise outcome
            else:
                self._told[interface] = wanted
        return failed

    async def _drop(self, interface: Interface) -> None:
        self._told.pop(interface, None)
        await asyncio.shield(self._responders.pop(interface).close())  # whoever waits for it may lose patience

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.info("%s", trouble or "multicast works again")
            self.trouble = trouble
            self._turned(trouble)


class _Search:
    """A search: hears the names of services, asks after each, and keeps the places of those that are the room's."""

    def __init__(self, nameplate: int, responders: Iterable[Responder], until: float) -> None:
        self.places: list[str] = []
        self._nameplate = nameplate
        self._until = until
        self._loop = asyncio.get_running_loop()
        self._found = asyncio.Event()
        self._seen: set[str] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._responders = list(responders)
        self._networks = tuple(address.network for each in self._responders for address in each.interface.addresses)
        self._browsers = [responder.browse(SERVICE, self._heard) for responder in self._responders]

    async def wait(self, until: float) -> None:
        """Waits until the first is found and others had a moment, or the time is over."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._found.wait(), max(until - self._loop.time(), 0))
            await asyncio.sleep(max(min(LAN_GATHER_S, until - self._loop.time()), 0))

    async def close(self) -> None:
        """Hears no more."""
        for browser in self._browsers:
            await browser.async_cancel()
        await end(*self._asking)

    def _heard(self, responder: Responder, name: str) -> None:
        own = any(name in each.names for each in self._responders)
        if own or name in self._seen or len(self._seen) >= LAN_NAMES:
            return
        self._seen.add(name)
        task = self._loop.create_task(self._ask(responder, name))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, responder: Responder, name: str) -> None:
        told = await responder.resolve(SERVICE, name, self._until - self._loop.time())
        if told is not None and means(told.text, self._nameplate):
            new = [place for place in places(told.addresses, told.port, self._networks) if place not in self.places]
            self.places += new[: LAN_PLACES - len(self.places)]
            if self.places:
                self._found.set()


def means(text: bytes, nameplate: int) -> bool:
    """Whether a service's TXT record names that room, in a version that we speak. Other keys may come to be there."""
    if len(text) > LAN_TXT_BYTES:
        return False
    strings: list[bytes] = []
    while text:
        strings.append(text[1 : 1 + text[0]])
        text = text[1 + text[0] :]
    return b"n=%d" % nameplate in strings and b"v=%d" % VERSION in strings


def places(addresses: Iterable[str], port: int, own: Sequence[Network]) -> list[str]:
    """HOST:PORT of the addresses that are near, the likeliest first. `own` are the networks that we are on."""
    if not LAN_PORT_LEAST <= port <= 65535:
        return []
    ranked: list[tuple[int, str]] = []
    for text in addresses:
        try:
            address = ip_address(text)
        except ValueError:
            continue
        far = not _within(address, own)
        on_the_wire = _within(address, (_WIRE6,))
        if (
            address.is_loopback
            or address.is_multicast
            or address.is_unspecified
            or (far and not _within(address, _NEAR))
        ):
            continue
        if on_the_wire and "%" not in text:
            continue  # on which wire?
        rank = 4 if on_the_wire else 2 * (address.version == 6) + far
        ranked.append((rank, joined(str(address), port)))
    return [place for _, place in sorted(ranked)[:LAN_ADDRESSES]]


def _within(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


async def _interfaces() -> tuple[list[Interface], str]:
    """The interfaces of this machine, and why there are none."""
    if "sandpiper.common.io.mdns" not in sys.modules:
        await asyncio.to_thread(importlib.import_module, "sandpiper.common.io.mdns")
    from sandpiper.common.io.mdns import interfaces

    try:
        return interfaces(), ""
    except OSError as error:
        return [], _words(error)


def _words(error: OSError) -> str:
    if error.errno in _BLOCKED:
        return "multicast (UDP port 5353) is forbidden on this machine, by a firewall perhaps"
    if error.errno == errno.EADDRINUSE:
        return "another program on this machine keeps multicast's UDP port 5353 to itself"
    return f"multicast does not work on this machine's networks: {error.strerror or error}"
