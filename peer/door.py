"""Asking a broker's front door for its key and its ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandpiper.common.errors import AccessDenied
from sandpiper.common.keys import fingerprint
from sandpiper.common.messages import Welcome
from sandpiper.common.target import Target
from sandpiper.peer import hello as doorstep
from sandpiper.peer.endpoints import at_host
from sandpiper.peer.profile import Profile


@dataclass(frozen=True, slots=True)
class Door:
    """What a door said. `key` is the broker's CURVE key, 32 bytes; `new` says that it is not pinned yet; `at` is the
    target by the numeric address that answered, where everything else of this connection goes; `bus` is where to
    publish and where to hear, None where that is closed.
    """

    welcome: Welcome
    key: bytes
    new: bool
    at: Target
    bus: tuple[str, str] | None


async def ask(
    target: Target, profile: Profile, access_code: str | None, slow: Callable[[str], None] | None = None
) -> Door:
    """Says hello, and judges the key; `slow` hears of a look-up that takes long.

    Raises Unreachable, TrustError, AccessDenied.
    """
    address = target.address
    met = await doorstep.greet(target, doorstep.BROKER, slow)
    welcome, key = met.welcome, met.key
    new = doorstep.check(target, key, profile, doorstep.BROKER)
    if access_code is not None and not welcome.access and new and not target.fingerprint:
        raise AccessDenied(
            f"an access code was given, but {address} asks for none and is not known yet: it may be somebody else. "
            f"Leave the code out, or connect to {address}#{fingerprint(key)}, if that is right"
        )
    if welcome.access and access_code is None:
        raise AccessDenied(
            f"the broker at {address} asks for an access code; use --access-code-file or SANDPIPER_ACCESS_CODE"
        )
    return Door(welcome, key, new, met.at, _bus(welcome, met.at.host))


def _bus(welcome: Welcome, host: str) -> tuple[str, str] | None:
    if welcome.xsub is None or welcome.xpub is None:
        return None
    return at_host(welcome.xsub, host), at_host(welcome.xpub, host)
