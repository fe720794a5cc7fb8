"""Saying hello at a service's front door, and judging the key that the service shows.

A name is looked up once, and its addresses are raced for the whole greeting: one may refuse, swallow everything, or
belong to another program that accepts connections and says nothing. The address that answered is used from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import msgspec
from zmq.utils import z85

from sandpiper.common import rendezvous
from sandpiper.common.errors import AccessDenied, SandpiperError, TrustError, Unreachable
from sandpiper.common.host_port import joined, parted
from sandpiper.common.io import resolver
from sandpiper.common.io.happy_eyeballs import AllFailed, race
from sandpiper.common.io.os_errors import reason
from sandpiper.common.keys import fingerprint
from sandpiper.common.limits import CONNECT_S, CONNECT_STAGGER_S, LINE_BYTES, VERSION
from sandpiper.common.lines import encode_line
from sandpiper.common.messages import Error, Hello, Welcome
from sandpiper.common.sanitise import clip, printable
from sandpiper.common.target import Target, on_wire
from sandpiper.common.trust import Verdict, judge
from sandpiper.peer.profile import Profile

_answer = msgspec.json.Decoder(Welcome | Error)


@dataclass(frozen=True, slots=True)
class ServiceKind:
    """The kind of service that a greeting is for: what it is called, and the command that starts one."""

    name: str
    command: str


BROKER: Final = ServiceKind("broker", "sandpiper broker")
DISCOVERY: Final = ServiceKind("discovery service", "sandpiper discovery")

_QUOTED_COLUMNS: Final = 160
_ENDPOINT_COLUMNS: Final = 40


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer to hello. `at` is the target with the numeric address that answered, `key` 32 bytes of CURVE."""

    welcome: Welcome
    key: bytes
    at: Target


@dataclass(frozen=True, slots=True)
class BrokerGreeting(Greeting):
    """A broker's answer to hello, and what we know of its key.

    `new` says that the key is not pinned yet; `bus` is where to publish and where to hear, None where that is closed.
    """

    new: bool
    bus: tuple[str, str] | None


class _Failure(Exception):
    """A failure at one address. `cause` says why in a clause; `error` is for a person if there is no other address."""

    def __init__(self, cause: str, error: SandpiperError) -> None:
        super().__init__(cause)
        self.cause = cause
        self.error = error


async def greet(
    target: Target,
    kind: ServiceKind,
    slow: Callable[[str], None] | None = None,
    may_dial: Callable[[str], bool] = lambda host: True,
) -> Greeting:
    """Says hello at every address of the target that it `may_dial`, until one answers as it should.

    `slow` hears of a look-up that takes long. Raises Unreachable, SandpiperError.
    """
    try:
        hosts = await resolver.numeric(target.host, slow)
    except resolver.Late as error:
        text = f"cannot reach {target.address}: {error}; check this machine's DNS, or name the address by its numbers"
        raise Unreachable(text) from None
    except OSError as error:
        raise _unreachable(target, kind, reason(error)) from None
    hosts = [host for host in hosts if may_dial(host)]
    if not hosts:
        raise Unreachable(f"{target.address} is nowhere that who named it may send us to")
    if on_wire(target.host):
        text = f"cannot reach {target.address}: such an address needs its interface too; try [{target.host}%eth0]"
        raise Unreachable(f"{text}:{target.port}, by the interface's name on this machine")
    ends = [replace(target, host=host) for host in hosts]
    try:
        return await race([partial(_meet, target, end, kind) for end in ends], CONNECT_STAGGER_S)
    except AllFailed as failed:
        raise _nobody(target, kind, ends, failed.errors) from None


def _nobody(target: Target, kind: ServiceKind, ends: list[Target], errors: Sequence[Exception]) -> Exception:
    """Makes one error of those of all addresses: each with its own cause, unless all have the same."""
    met = [each for each in errors if isinstance(each, _Failure)]
    if len(met) < len(errors):
        return next(each for each in errors if not isinstance(each, _Failure))  # no memory, or a mistake of ours
    if len({each.cause for each in met}) == 1:
        return met[0].error
    causes = ", ".join(f"{end.host}: {each.cause}" for end, each in zip(ends, met, strict=True))
    return _unreachable(target, kind, causes)


def _unreachable(target: Target, kind: ServiceKind, why: str) -> Unreachable:
    return Unreachable(
        f"cannot reach {target.address}: {why}; is a {kind.name} running there? `{kind.command}` starts one"
    )


async def _meet(target: Target, at: Target, kind: ServiceKind) -> Greeting:
    """Greets the service at one address. Raises _Failure."""
    address = target.address
    line = await _exchange(target, at, kind)
    try:
        welcome = _answer.decode(line)
        if isinstance(welcome, Error):
            raise _turned_away(target, kind, welcome.text)
        key = z85.decode(welcome.key.encode())
        if len(key) != 32:
            raise ValueError
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, KeyError, RecursionError):
        raise _stranger(target, kind, "the address and the port") from None
    if welcome.v != VERSION:
        cause = f"speaks version {welcome.v} of the protocol, this program {VERSION}"
        text = f"the {kind.name} at {address} {cause}; upgrade the older one"
        raise _Failure(cause, SandpiperError(text))
    met = DISCOVERY if welcome.server == rendezvous.SERVER else BROKER
    if met is not kind:
        text = f"what answers at {address} is a {met.name}, not a {kind.name}; check the port"
        raise _Failure(f"a {met.name}", Unreachable(text))
    return Greeting(welcome, key, at)


def _turned_away(target: Target, kind: ServiceKind, words: str) -> _Failure:
    said = clip(printable(words), _QUOTED_COLUMNS)
    return _Failure(said, Unreachable(f"the {kind.name} at {target.address} takes no newcomers: {said}"))


def _stranger(target: Target, kind: ServiceKind, what: str = "the address") -> _Failure:
    text = f"what answers at {target.address} is not a sandpiper {kind.name}; check {what}"
    return _Failure(f"not a sandpiper {kind.name}", Unreachable(text))


def check(target: Target, key: bytes, profile: Profile, kind: ServiceKind) -> bool:
    """Judges a key; true if it is new, and to be pinned once the service has proved it. Raises TrustError."""
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


async def greet_broker(
    target: Target,
    profile: Profile,
    access_code: str | None,
    slow: Callable[[str], None] | None = None,
    may_dial: Callable[[str], bool] = lambda host: True,
) -> BrokerGreeting:
    """Says hello to a broker, and judges its key; `slow` hears of a look-up that takes long.

    Raises Unreachable, TrustError, AccessDenied.
    """
    address = target.address
    met = await greet(target, BROKER, slow, may_dial)
    new = check(target, met.key, profile, BROKER)
    if access_code is not None and not met.welcome.access and new and not target.fingerprint:
        raise AccessDenied(
            f"an access code was given, but {address} asks for none and is not known yet: it may be somebody else. "
            f"Leave the code out, or connect to {address}#{fingerprint(met.key)}, if that is right",
            asks_for="",
        )
    if met.welcome.access and access_code is None:
        raise AccessDenied(
            f"the broker at {address} asks for an access code; use --access-code-file or SANDPIPER_ACCESS_CODE"
        )
    return BrokerGreeting(met.welcome, met.key, met.at, new, _bus(met.welcome, met.at.host))


def _bus(welcome: Welcome, host: str) -> tuple[str, str] | None:
    if welcome.xsub is None or welcome.xpub is None:
        return None
    return at_host(welcome.xsub, host), at_host(welcome.xpub, host)


def at_host(endpoint: str, host: str) -> str:
    """`endpoint` (tcp://HOST:PORT) at the host that we know the broker by: what it binds says nothing about that.

    The endpoint comes from a welcome, which nobody has signed. Raises Unreachable where it has no port.
    """
    _, port = parted(endpoint.removeprefix("tcp://"))
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        said = clip(printable(endpoint), _ENDPOINT_COLUMNS)
        raise Unreachable(f"the broker at {host} names no port for its bus, but {said!r}; somebody may be in between")
    return f"tcp://{joined(host, port)}"


async def _exchange(target: Target, at: Target, kind: ServiceKind) -> bytes:
    address = target.address
    try:
        return await asyncio.wait_for(_say_hello(at), CONNECT_S)
    except asyncio.TimeoutError:
        silence = f"no answer from {address} within {CONNECT_S:.0f} s; is a {kind.name} running there?"
        raise _Failure(f"no answer within {CONNECT_S:.0f} s", Unreachable(silence)) from None
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            text = f"{address} hung up without a word; if a {kind.name} is starting there, try again"
            raise _Failure("hung up without a word", Unreachable(text)) from None
        raise _stranger(target, kind) from None
    except asyncio.LimitOverrunError:
        raise _stranger(target, kind) from None
    except OSError as error:
        raise _Failure(reason(error), _unreachable(target, kind, reason(error))) from None


async def _say_hello(at: Target) -> bytes:
    reader, writer = await asyncio.open_connection(at.host, at.port, limit=LINE_BYTES)
    try:
        writer.write(encode_line(Hello()))
        return await reader.readuntil(b"\n")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
