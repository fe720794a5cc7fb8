"""A room at a broker as people write it: `HOST[:PORT][/ROOM][#FINGERPRINT]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address, ip_address
from typing import Final, NoReturn

from sandpiper.common import host_port
from sandpiper.common.errors import Refusal, UsageError
from sandpiper.common.rooms import LOBBY, room_name
from sandpiper.common.sanitise import clip, printable

PORT: Final = 5000
"""A broker's door, unless told otherwise."""
DISCOVERY_PORT: Final = 8000
"""A discovery service's."""
FORM: Final = "HOST[:PORT][/ROOM][#FINGERPRINT]"
LINK: Final = "sandpiper://"
"""An invite link begins so."""

QUOTED_COLUMNS: Final = 60
"""Of the user's own words in an error."""
_SHAPE: Final = re.compile(
    r"(?:tcp://)?"
    r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:/#\[\]]*))"
    r"(?::(?P<port>[^:/#]*))?"
    r"(?:/(?P<room>[^#]*))?"
    r"(?:#(?P<fingerprint>.*))?",
    re.IGNORECASE | re.DOTALL,
)
HOST_NAME: Final = re.compile(r"[^\W_](?:[\w.-]*[\w.])?")
_FINGERPRINT: Final = re.compile(r"[a-z2-7]{24}")  # common/keys.py makes them


@dataclass(frozen=True, slots=True)
class Target:
    """A room at a broker.

    An IPv6 `host` has no brackets; `fingerprint` is what the broker's key must have.
    """

    host: str
    port: int = PORT
    room: str = LOBBY
    fingerprint: str | None = None

    @property
    def address(self) -> str:
        """`host:port`, an IPv6 host in brackets: the broker's name among the pinned ones."""
        return host_port.joined(self.host, self.port)

    def __str__(self) -> str:
        return f"{self.address}/{self.room}" + (f"#{self.fingerprint}" if self.fingerprint else "")


def is_link(text: str) -> bool:
    """Whether `text` is meant as an invite link, a damaged one too: it may hold a code, and is not to be quoted."""
    return text[: len(LINK) - 1].lower() == LINK[:-1]


def parse_address(text: str, port: int) -> str:
    """`HOST[:PORT][#FINGERPRINT]`, as a service is named, with `port` unless it names one. Raises UsageError."""
    target = parse_host(text, port)
    if "/" in text.strip().lower().removeprefix("tcp://").partition("#")[0]:
        fail(text.strip(), "names a room, and a service is meant", "give HOST[:PORT][#FINGERPRINT]")
    return f"{target.address}#{target.fingerprint}" if target.fingerprint else target.address


def parse_host(text: str, port: int = PORT) -> Target:
    """Parses what `connect` takes: always a host, even when it is a bare word. Raises UsageError.

    `port` is the one of an address that names none.
    """
    text = text.strip()
    parts = _SHAPE.fullmatch(text)
    if "://" in text and not text.lower().startswith("tcp://"):
        fail(text, "is no broker's address", f"give {FORM}")
    if parts is None:
        if text.count(":") > 1 and "[" not in text and "//" not in text:
            fail(text, f"is no broker ({FORM})", f"an IPv6 address goes in brackets: [::1]:{PORT}")
        fail(text, f"is no broker ({FORM})", f"try localhost:{PORT}")
    return Target(
        host=_six(text, parts["six"]) if parts["six"] is not None else _host(text, parts["host"]),
        port=port if parts["port"] is None else _port(text, parts["port"]),
        room=_room(text, parts["room"]) if parts["room"] else LOBBY,
        fingerprint=None if parts["fingerprint"] is None else _fingerprint(text, parts["fingerprint"]),
    )


def parse_listen(text: str) -> tuple[str, int | None]:
    """ADDR, ADDR:PORT or [ADDR]:PORT, as --listen takes it; no port, or 0, is any. Raises UsageError."""
    host, port = host_port.parted(text)
    if port or (text.endswith(":") and not text.endswith("::")):
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65535):
            raise UsageError(f"--listen {text}: ADDR:PORT, a port up to 65534, as the next is used too; 0 is any")
        return host or "0.0.0.0", int(port) or None  # noqa: S104  # whoever gives a port alone means every address
    return host, None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`; a name that is not localhost counts as beyond it."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def on_wire(host: str) -> bool:
    """Whether an address (fe80::/10) means somebody only together with a wire that it does not name."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.version == 6 and address.is_link_local and "%" not in host


def check_local(discovery: Iterable[str], broker: Iterable[str], listen: str | None) -> None:
    """Checks that no address leaves this machine, for `--local`. Raises UsageError."""
    for what, port, named in (("discovery service", DISCOVERY_PORT, discovery), ("broker", PORT, broker)):
        for each in named:
            target = parse_host(each, port)
            if not is_loopback(target.host):
                raise UsageError(
                    f"--local stays on this machine, and the {what} {target.address} is not on it; leave one of the "
                    "two out (one may be set by the environment or by `sandpiper config`)"
                )
    if listen is not None and not is_loopback(parse_listen(listen)[0]):
        raise UsageError(f"--local stays on this machine, and --listen {listen} does not; leave one of the two out")


def _six(text: str, host: str) -> str:
    try:
        return str(IPv6Address(host))
    except AddressValueError:
        fail(text, "has no IPv6 address in its brackets", f"try [::1]:{PORT}")


def _host(text: str, host: str) -> str:
    if not host:
        fail(text, "names no host", f"give {FORM}, such as localhost:{PORT}")
    host = host.lower()
    if not HOST_NAME.fullmatch(host) or not host.isprintable():
        fail(text, "has a host name with something in it that no host name has", f"give {FORM}")
    return host


def _port(text: str, port: str) -> int:
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        fail(text, "has a port that is none", f"a port is a number from 1 to 65535, such as {PORT}")
    return int(port)


def _room(text: str, room: str) -> str:
    try:
        return room_name(room)
    except Refusal as refusal:
        fail(text, f"has an {refusal.text}", f"such as /{LOBBY}")


def _fingerprint(text: str, fingerprint: str) -> str:
    # Never let a damaged one pass for none: who gave it wants the broker checked.
    if not _FINGERPRINT.fullmatch(fingerprint.lower()):
        fail(text, "has a fingerprint that is none", "one is 24 letters and digits from 2 to 7")
    return fingerprint.lower()


def fail(text: str, what: str, hint: str) -> NoReturn:
    """Refuses `text` with what is wrong with it and what to try. Raises UsageError."""
    # After a # there may be a room code: `https://…/#pine-ocean-42` is no link of ours, but the code may be good.
    raise UsageError(f"'{clip(printable(text.partition('#')[0]), QUOTED_COLUMNS)}' {what}; {hint}")
