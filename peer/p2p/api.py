"""Rooms between peers, for programs: `create` and `join`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sandpiper.common.codes import RoomCode, parse_code
from sandpiper.common.errors import UsageError
from sandpiper.common.limits import CAPACITY, CAPACITY_MOST, CODE_WORDS
from sandpiper.common.nicks import ANON
from sandpiper.common.target import check_local
from sandpiper.peer.engine import Engine
from sandpiper.peer.p2p.state.options import Embed, How, PeerOptions
from sandpiper.peer.profile import Profile
from sandpiper.peer.room import Room, chosen_nick

PATHS = ("auto", "direct", "relay")
HISTORIES = ("epoch", "all", "none")


def create(
    *,
    nick: str = "",
    password: str | None = None,
    words: int = CODE_WORDS,
    capacity: int = CAPACITY,
    history: str = "epoch",
    discovery: str | Sequence[str] = (),
    broker: str | Sequence[str] = (),
    access_code: str | None = None,
    path: str = "auto",
    lan: bool = True,
    local: bool = False,
    listen: str | None = None,
    advertise: str | Sequence[str] = (),
    quiet: bool = False,
    embed: Embed | None = None,
    profile: Profile | None = None,
) -> Room:
    """Makes a new room between peers, to be entered with `async with`; `room.code` is what the others join by.

    Without `discovery` (HOST:PORT, one or several) a service on this machine is used; where there is none it is made in
    this process, by `embed` if one is given. `history` is how far back a joiner sees: to the last new key (`epoch`),
    `all`, or `none`. Entering raises Unreachable, TrustError, Rejected; the call itself UsageError for invalid options.
    """
    return _room(How.CREATE, None, locals())


def join(
    code: str | RoomCode,
    *,
    nick: str = "",
    password: str | None = None,
    open_if_missing: bool = False,
    words: int = CODE_WORDS,
    capacity: int = CAPACITY,
    history: str = "epoch",
    discovery: str | Sequence[str] = (),
    broker: str | Sequence[str] = (),
    access_code: str | None = None,
    path: str = "auto",
    lan: bool = True,
    local: bool = False,
    listen: str | None = None,
    advertise: str | Sequence[str] = (),
    quiet: bool = False,
    backlog: int | None = None,
    embed: Embed | None = None,
    profile: Profile | None = None,
) -> Room:
    """Makes a room by its code, to be entered with `async with`.

    `quiet` enters unannounced; of the messages that are there the newest `backlog` come before what else is heard, or
    all. With `open_if_missing` it is made where nobody has it. Entering raises NoSuchRoom, AccessDenied, Unreachable,
    TrustError, Rejected; the call itself UsageError for a code with an unknown word, or for other invalid options.
    """
    options = {**locals()}
    del options["code"], options["open_if_missing"]
    if not isinstance(code, (str, RoomCode)):
        raise UsageError(f"code is a text such as pine-ocean-42, and not {type(code).__name__}")
    parsed = parse_code(code) if isinstance(code, str) else code
    return _room(How.EITHER if open_if_missing else How.JOIN, parsed, options)


def _room(how: How, code: RoomCode | None, options: dict[str, Any]) -> Room:
    """Makes a room with the options that a function above was given, by name: so they are listed there only."""
    checked = _checked(options)
    profile, embed = checked.pop("profile"), checked.pop("embed")

    def engine(turned: Callable[[], None]) -> Engine:
        from sandpiper.peer.p2p.engine import P2PEngine

        made = PeerOptions(how=how, code=code, embed=embed or _embed(), **checked)
        return P2PEngine(made, profile or Profile.default(), turned)

    return Room(engine)


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """Checks the options, and returns them as PeerOptions has them. Raises UsageError."""
    for what, known in (("path", PATHS), ("history", HISTORIES)):
        if options[what] not in known:
            raise UsageError(f"{what} is one of {', '.join(known)}, not {options[what]!r}")
    for what, least, most in (("words", 2, 8), ("capacity", 2, CAPACITY_MOST)):
        if not isinstance(options[what], int) or not least <= options[what] <= most:
            raise UsageError(f"{what} is a number from {least} to {most}, not {options[what]!r}")
    backlog = options.get("backlog")
    if backlog is not None and (not isinstance(backlog, int) or backlog < 0):
        raise UsageError(f"backlog is a number of messages, or None for all, not {backlog!r}")
    several = {what: _several(options[what]) for what in ("discovery", "broker", "advertise")}
    if options["local"]:
        check_local(several["discovery"], several["broker"], options["listen"])
    nick = chosen_nick(options["nick"]) or ANON
    return {**options, **several, "nick": nick, "lan": options["lan"] and not options["local"]}


def _embed() -> Embed:
    # Composed here for the same reason that the commands are composed in `cli`: this is where a program begins, and one
    # that imports nothing else is to find others as they do. What is behind the front still knows the wire only.
    from sandpiper.discovery.embed import embed

    return embed


def _several(given: str | Sequence[str]) -> tuple[str, ...]:
    # A string is a sequence too, of its letters.
    if isinstance(given, str):
        return (given,) if given else ()
    return tuple(given)
