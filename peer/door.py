"""Asking a broker's front door for its key and its ports."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import msgspec
from zmq.utils import z85

from sandpiper.common.errors import AccessDenied, SandpiperError, TrustError, Unreachable
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import CONNECT_S, LINE_BYTES, VERSION
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Hello, Welcome
from sandpiper.common.target import Target
from sandpiper.common.trust import Verdict, judge
from sandpiper.peer.profile import Profile

_welcome = msgspec.json.Decoder(Welcome)


@dataclass(frozen=True, slots=True)
class Door:
    """What a door said. `key` is the broker's CURVE key, 32 bytes; `new` says that it is not pinned yet."""

    welcome: Welcome
    key: bytes
    new: bool


async def ask(target: Target, profile: Profile, access_code: str | None) -> Door:
    """Says hello, and judges the key. Raises Unreachable, TrustError, AccessDenied."""
    address = target.address
    line = await _exchange(target, address)
    try:
        welcome = _welcome.decode(line)
        key = z85.decode(welcome.key.encode())
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        raise Unreachable(
            f"what answers at {address} is not a sandpiper broker; check the address and the port"
        ) from None
    if welcome.v != VERSION:
        raise SandpiperError(
            f"the broker at {address} speaks version {welcome.v} of the protocol, this program {VERSION}; "
            "upgrade the older one"
        )
    name = fingerprint(key)
    pinned = profile.pinned(address)
    verdict = judge(pinned, welcome.key, expected_fingerprint=target.fingerprint, fingerprint_of_seen=name)
    if verdict is Verdict.CHANGED:
        raise TrustError(
            f"the key of {address} has changed (it is {name} now): somebody may be in between. "
            f"If the broker really was set up anew, remove its line from {profile.known_file}"
        )
    if verdict is Verdict.NOT_EXPECTED:
        raise TrustError(f"the key of {address} is {name}, not {target.fingerprint}: somebody may be in between")
    if access_code is not None and not welcome.access and verdict is Verdict.NEW and not target.fingerprint:
        raise AccessDenied(
            f"an access code was given, but {address} asks for none and is not known yet: it may be somebody else. "
            f"Leave the code out, or connect to {address}#{name}, if that is right"
        )
    if welcome.access and access_code is None:
        raise AccessDenied(
            f"the broker at {address} asks for an access code; use --access-code-file or SANDPIPER_ACCESS_CODE"
        )
    return Door(welcome, key, verdict is Verdict.NEW)


async def _exchange(target: Target, address: str) -> bytes:
    try:
        return await asyncio.wait_for(_say_hello(target), CONNECT_S)
    except asyncio.TimeoutError:
        raise Unreachable(f"no answer from {address} within {CONNECT_S:.0f} s; is a broker running there?") from None
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            raise Unreachable(f"{address} hung up without a word; if a broker is starting there, try again") from None
        raise Unreachable(f"what answers at {address} is not a sandpiper broker; check the address") from None
    except asyncio.LimitOverrunError:
        raise Unreachable(f"what answers at {address} is not a sandpiper broker; check the address") from None
    except OSError as error:
        raise Unreachable(
            f"cannot reach {address}: {error.strerror or error}; is a broker running there? "
            "`sandpiper broker` starts one"
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
