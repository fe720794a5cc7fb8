"""Invite links: all that somebody needs to come in, in one line to paste or to show as a QR code.

    sandpiper://join?discovery=HOST:PORT&broker=HOST:PORT&password=1#pine-ocean-42
    sandpiper://connect/HOST:PORT/ROOM#FINGERPRINT

The room code is the fragment, for it is a secret: what stands after `#` a browser keeps to itself, so that a web page
that hands links on (`https://…/#pine-ocean-42`), its server's log and its referrers never see it. Read, but never
written, is `sandpiper://join/pine-ocean-42` too, as people type it. `discovery` and `broker` may come several times and
carry a `%23FINGERPRINT`; `password=1` says that one is asked for, and never what it is. Keys that are not known are
passed over: a newer version may have put them there. On a command line a link goes in quotes, because of the `&`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import quote, unquote

from sandpiper.common.codes import RoomCode, parse_code
from sandpiper.common.errors import UsageError
from sandpiper.common.limits import INVITE_ADDRESSES, INVITE_CHARS
from sandpiper.common.target import DISCOVERY_PORT, LINK, PORT, Target, parse_address, parse_host

_JOIN: Final = "join"
_CONNECT: Final = "connect"
_PLAIN: Final = ":[]"  # may stand in a query as they are
_FORMS: Final = f"{LINK}join#CODE or {LINK}connect/HOST:PORT/ROOM"


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation: a room code, with how to find its room, or a room at a broker.

    `discovery` and `broker` are HOST:PORT[#FINGERPRINT], and empty for a room at a broker.
    """

    aim: RoomCode | Target
    discovery: tuple[str, ...] = ()
    broker: tuple[str, ...] = ()
    password_needed: bool = False

    def __str__(self) -> str:
        """The link. It holds the room code."""
        if isinstance(self.aim, Target):
            room = quote(self.aim.room, safe="")
            mark = f"#{self.aim.fingerprint}" if self.aim.fingerprint else ""
            return f"{LINK}{_CONNECT}/{quote(self.aim.address, safe=_PLAIN)}/{room}{mark}"
        pairs = [f"discovery={quote(address, safe=_PLAIN)}" for address in self.discovery]
        pairs += [f"broker={quote(address, safe=_PLAIN)}" for address in self.broker]
        if self.password_needed:
            pairs.append("password=1")
        return f"{LINK}{_JOIN}{'?' if pairs else ''}{'&'.join(pairs)}#{self.aim}"


def parse_invite(text: str) -> Invite:
    """A link, from anywhere. Raises UsageError, which quotes nothing secret."""
    text = text.strip()
    if text[: len(LINK)].lower() != LINK:
        raise UsageError(f"that is no invite link; one begins with {LINK}")
    if len(text) > INVITE_CHARS or not text.isprintable():
        _fail("is damaged")
    rest, _, fragment = text[len(LINK) :].partition("#")
    path, _, query = rest.partition("?")
    action, _, path = path.partition("/")
    if action.lower() == _CONNECT:
        return Invite(_connect(path, fragment))
    if action.lower() != _JOIN:
        _fail("leads nowhere that this version knows")
    return _join(fragment or path.strip("/"), query)


def _join(code: str, query: str) -> Invite:
    if not code:
        _fail("has no room code; was it cut off at the #?")
    found: dict[str, list[str]] = {"discovery": [], "broker": [], "password": []}
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        found.get(key.lower(), []).append(_decoded(value))
    return Invite(
        # Nobody has typed it, so there is no typing mistake to quote.
        parse_code(_decoded(code), quote=False),
        _addresses(found["discovery"], DISCOVERY_PORT),
        _addresses(found["broker"], PORT),
        _flag(found["password"]),
    )


def _connect(path: str, fragment: str) -> Target:
    address, _, room = path.partition("/")
    room = _decoded(room.rstrip("/"))
    # A host with a mark in it could pass for another one, or for none.
    if any(mark in part for part in (_decoded(address), room) for mark in "/#"):
        _fail("has a mark where none belongs")
    return parse_host(f"{_decoded(address)}/{room}" + (f"#{fragment}" if fragment else ""))


def _addresses(values: list[str], port: int) -> tuple[str, ...]:
    if len(values) > INVITE_ADDRESSES:
        _fail(f"has more than {INVITE_ADDRESSES} addresses of a kind")
    return tuple(dict.fromkeys(parse_address(value, port) for value in values))


def _flag(values: list[str]) -> bool:
    if any(value not in ("0", "1") for value in values):
        _fail("has a password in it, which a link never should; give it with --password")
    return "1" in values


def _decoded(value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        _fail("is damaged")


def _fail(what: str) -> NoReturn:
    raise UsageError(f"the invite link {what}; one is {_FORMS}")
