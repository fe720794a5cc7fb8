"""At any front door: saying hello, and judging the key that it shows."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

import msgspec
from zmq.utils import z85

from sandpiper.common import rendezvous
from sandpiper.common.errors import SandpiperError, TrustError, Unreachable
from sandpiper.common.io.reasons import reason
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import CONNECT_S, LINE_BYTES, VERSION
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Hello, Welcome
from sandpiper.common.target import Target
from sandpiper.common.trust import Verdict, judge
from sandpiper.peer.profile import Profile

_welcome = msgspec.json.Decoder(Welcome)


@dataclass(frozen=True, slots=True)
class Kind:
    """Whom somebody hopes to meet: what it is called, and the command that starts one."""

    name: str
    command: str


BROKER: Final = Kind("broker", "sandpiper broker")
DISCOVERY: Final = Kind("discovery service", "sandpiper discovery")


async def greet(target: Target, kind: Kind) -> tuple[Welcome, bytes]:
    """What the door answers to hello, and its CURVE key, 32 bytes. Raises Unreachable, SandpiperError."""
    address = target.address
    line = await _exchange(target, kind)
    try:
        welcome = _welcome.decode(line)
        key = z85.decode(welcome.key.encode())
        if len(key) != 32:
            raise ValueError
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, KeyError, RecursionError):
        raise Unreachable(
            f"what answers at {address} is not a sandpiper {kind.name}; check the address and the port"
        ) from None
    if welcome.v != VERSION:
        raise SandpiperError(
            f"the {kind.name} at {address} speaks version {welcome.v} of the protocol, this program {VERSION}; "
            "upgrade the older one"
        )
    met = DISCOVERY if welcome.server == rendezvous.SERVER else BROKER
    if met is not kind:
        raise Unreachable(f"what answers at {address} is a {met.name}, not a {kind.name}; check the port")
    return welcome, key


def check(target: Target, key: bytes, profile: Profile, kind: Kind) -> bool:
    """Judges the key; whether it is new, and so to be pinned once it has proved itself. Raises TrustError."""
    address, name = target.address, fingerprint(key)
    verdict = judge(
        profile.pinned(address),
        z85.encode(key).decode(),
        expected_fingerprint=target.fingerprint,
        fingerprint_of_seen=name,
    )
    if verdict is Verdict.CHANGED:
        raise TrustError(
            f"the key of {address} has changed (it is {name} now): somebody may be in between. "
            f"If the {kind.name} really was set up anew, remove its line from {profile.known_file}"
        )
    if verdict is Verdict.NOT_EXPECTED:
        raise TrustError(f"the key of {address} is {name}, not {target.fingerprint}: somebody may be in between")
    return verdict is Verdict.NEW


async def _exchange(target: Target, kind: Kind) -> bytes:
    address = target.address
    try:
        return await asyncio.wait_for(_say_hello(target), CONNECT_S)
    except asyncio.TimeoutError:
        text = f"no answer from {address} within {CONNECT_S:.0f} s; is a {kind.name} running there?"
        raise Unreachable(text) from None
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            text = f"{address} hung up without a word; if a {kind.name} is starting there, try again"
            raise Unreachable(text) from None
        raise Unreachable(f"what answers at {address} is not a sandpiper {kind.name}; check the address") from None
    except asyncio.LimitOverrunError:
        raise Unreachable(f"what answers at {address} is not a sandpiper {kind.name}; check the address") from None
    except OSError as error:
        raise Unreachable(
            f"cannot reach {address}: {reason(error)}; is a {kind.name} running there? `{kind.command}` starts one"
        ) from None


async def _say_hello(target: Target) -> bytes:
    reader, writer = await asyncio.open_connection(target.host, target.port, limit=LINE_BYTES)
    try:
        writer.write(encode_line(Hello()))
        return await reader.readuntil(b"\n")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
