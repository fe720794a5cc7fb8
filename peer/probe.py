"""Probes for `doctor` and `who`: what answers at an address, by which key, how fast, and whether it has a room.

Nothing here pins a key, spends a guess at a code, or is noticed by a room's members.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import zmq
from nacl.signing import SigningKey

from sandpiper.common import messages
from sandpiper.common.errors import Code, Refusal, SandpiperError
from sandpiper.common.io.os_errors import reason
from sandpiper.common.io.sockets import context
from sandpiper.common.io.tasks import terminated
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import (
    FIND_LAN_S,
    FIND_PROBE_S,
    LINE_BYTES,
    NAMEPLATE_LEAST,
    NAMEPLATE_MOST,
    PROBE_LARGE_S,
    PROBE_PAD_BYTES,
    PROBE_PATH_S,
)
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Welcome
from sandpiper.common.rendezvous import PeerCard
from sandpiper.common.target import Target
from sandpiper.peer import hello
from sandpiper.peer.events import PathChanged
from sandpiper.peer.hello import BROKER, DISCOVERY, ServiceKind
from sandpiper.peer.p2p.rendezvous.client import RendezvousClient
from sandpiper.peer.profile import Profile
from sandpiper.peer.room import Room

_PORT: Final = 8000  # any: nobody follows it
_pong = msgspec.json.Decoder(messages.Pong)


class ReadOnlyProfile(Profile):
    """A new identity that reads the pins in a folder, and makes none."""

    def __init__(self, folder: str) -> None:
        from pathlib import Path

        super().__init__(SigningKey.generate(), Path(folder))

    def pin(self, address: str, key: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class ProbedService:
    """A service that answered.

    `new` says that its key is not pinned, `skew_s` how far its clock is ahead (None: not known), `choked` that packets
    of full size do not get to the broker.
    """

    address: str
    fingerprint: str
    new: bool
    rtt_ms: float
    welcome: Welcome
    skew_s: float | None
    choked: bool


async def service(target: Target, kind: ServiceKind, profile: Profile) -> ProbedService:
    """Says hello to a service. Raises Unreachable, TrustError, SandpiperError."""
    began = time.monotonic()
    met = await hello.greet(target, kind)
    welcome, key = met.welcome, met.key
    rtt_ms = (time.monotonic() - began) * 1000
    new = hello.check(target, key, profile, kind)
    skew_s = await _skew(met.at) if kind is BROKER else None
    choked = kind is BROKER and await _choked(met.at)
    return ProbedService(target.address, fingerprint(key), new, rtt_ms, welcome, skew_s, choked)


async def _choked(target: Target) -> bool:
    """Whether a question in packets of full size is not answered, where a small one was just now."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):  # answers too
        try:
            await asyncio.wait_for(_ask_at_length(target), PROBE_LARGE_S)
        except asyncio.TimeoutError:
            return True
    return False


async def _ask_at_length(target: Target) -> None:
    reader, writer = await asyncio.open_connection(target.host, target.port, limit=LINE_BYTES)
    try:
        writer.write(encode_line(messages.Hello()))  # for itself: half a greeting would be taken for an original client
        await reader.readuntil(b"\n")
        writer.write(msgspec.json.encode({"type": "ping", "pad": "x" * PROBE_PAD_BYTES}) + b"\n")
        await reader.readuntil(b"\n")
    finally:
        writer.close()


async def _skew(target: Target) -> float | None:
    """Asks how far the other clock is ahead; under 1.5 s counts as 0, for the answer is in whole seconds."""
    with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return await asyncio.wait_for(_ask_time(target), FIND_PROBE_S)
    return None


async def _ask_time(target: Target) -> float | None:
    reader, writer = await asyncio.open_connection(target.host, target.port, limit=LINE_BYTES)
    try:
        writer.write(encode_line(messages.Hello()))
        await reader.readuntil(b"\n")
        began = time.time()
        writer.write(encode_line(messages.Ping()))
        line = await reader.readuntil(b"\n")
        middle = (began + time.time()) / 2
    finally:
        writer.close()
    try:
        skew_s = _pong.decode(line).ts + 0.5 - middle
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return 0.0 if abs(skew_s) < 1.5 else skew_s


async def occupant(host: str, port: int) -> str:
    """Says in words what listens at an address; empty if nothing does."""
    target = Target(host, port)
    if await reaches(host, port):
        return ""
    for kind in (BROKER, DISCOVERY):
        with contextlib.suppress(SandpiperError, asyncio.TimeoutError):
            met = await asyncio.wait_for(hello.greet(target, kind), FIND_PROBE_S)
            return f"a sandpiper {kind.name} ({fingerprint(met.key)})"
    return "another program"


async def reaches(host: str, port: int) -> str:
    """Says why no connection can be made to an address; empty if one can."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), FIND_PROBE_S)
    except asyncio.TimeoutError:
        return f"no answer within {FIND_PROBE_S:g} s"
    except OSError as error:
        return reason(error)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return ""


def may_listen(hosts: Sequence[str], port: int = 0) -> str:
    """Says why nothing can listen there; empty if it can. Hosts of an address family that is missing are skipped."""
    opened = False
    for host in hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as door:
                if family == socket.AF_INET6:
                    door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                door.bind((host, port))
                door.listen(1)
                opened = True
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                return error.strerror or str(error)
    return "" if opened else "no address to listen on"


# The local network -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Multicast:
    """The result of a multicast probe: whether we heard our own announcement, else why not, if that is known."""

    heard: bool
    ms: float
    trouble: str


async def multicast() -> Multicast:
    """Announces a random nameplate, without a room, on the network and looks for it."""
    from sandpiper.common.io.lan import Lan  # zeroconf takes a while to import

    teller, asker = Lan(), Lan()
    number = NAMEPLATE_LEAST + secrets.randbelow(NAMEPLATE_MOST - NAMEPLATE_LEAST)
    try:
        await teller.advertise(number, _PORT)
        began = time.monotonic()
        found = [] if teller.trouble else await asker.browse(number, FIND_LAN_S)
        return Multicast(bool(found), (time.monotonic() - began) * 1000, teller.trouble or asker.trouble)
    finally:
        await teller.close()
        await asker.close()


async def near(nameplate: int) -> list[str]:
    """Lists HOST:PORT of the discovery services that are announced on the network for that room."""
    from sandpiper.common.io.lan import Lan

    lan = Lan()
    try:
        return await lan.browse(nameplate, FIND_LAN_S)
    finally:
        await lan.close()


# Rooms -------------------------------------------------------------------------------------------------------


class _NoCallbacks:
    """The callbacks of a client that only asks: none does anything."""

    def letter(self, sender: bytes, body: bytes) -> None:
        """Nothing."""

    def peers(self, cards: list[PeerCard]) -> None:
        """Nothing."""

    def up(self) -> None:
        """Nothing."""

    def down(self, text: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class LookupReport:
    """A discovery service's answer to a look-up: `here`, or nobody, or that it cannot tell.

    `code` is the refusal's; `unreachable` says that there was no answer at all.
    """

    address: str
    here: bool = False
    code: Code | None = None
    text: str = ""
    unreachable: bool = False


async def lookup(address: str, nameplate: int, profile: Profile, *, pin: bool) -> LookupReport:
    """Asks one service whether it has a room. This is no guess at the code, whose words stay here."""
    ctx: zmq.Context[Any] = context()
    link = RendezvousClient(ctx, address, profile, pin=pin, callbacks=_NoCallbacks())
    try:
        await link.open()
        found = await link.lookup(nameplate)
        return LookupReport(address, here=any(found.groups))
    except Refusal as refusal:
        return LookupReport(address, code=refusal.code, text=refusal.text)
    except SandpiperError as error:
        return LookupReport(address, text=str(error), unreachable=True)
    finally:
        await link.close()
        await terminated(ctx.term)


@dataclass(frozen=True, slots=True)
class EntryReport:
    """How a broker's room was entered: by `bus` or `one-port`, and how long a question to the broker takes."""

    path: str
    text: str
    rtt_ms: float


async def entered(room: Room) -> EntryReport:
    """Asks an entered room of a broker how it is connected. Raises Refusal, SandpiperError."""
    path = text = ""
    with contextlib.suppress(asyncio.TimeoutError):
        changed = await asyncio.wait_for(_path(room), PROBE_PATH_S)
        path, text = changed.path, changed.text
    began = time.monotonic()
    await room.members()
    return EntryReport(path or room.path, text, (time.monotonic() - began) * 1000)


async def _path(room: Room) -> PathChanged:
    async for event in room:
        if isinstance(event, PathChanged) and event.path != "offline":
            return event
    raise SandpiperError("the room was closed")
