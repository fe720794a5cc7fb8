"""The common part of `create`, `join` and `peer`: their options, and holding a chat in such a room."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from sandpiper.cli.chat.chat import chat
from sandpiper.cli.chat.chat_options import ChatOptions, Invitation, ScreenOptions
from sandpiper.cli.chat.dial import Aim, Dialer
from sandpiper.cli.loop import run
from sandpiper.cli.options.common import Caller, caller_options
from sandpiper.cli.options.network import Network, invite_link, join_line, network_options
from sandpiper.cli.options.secrets import chosen_code, code_options, password_options, resolve_password
from sandpiper.common.errors import UsageError
from sandpiper.common.limits import BACKLOG_MOST, CAPACITY, CAPACITY_MOST, CODE_WORDS_LEAST, CODE_WORDS_MOST
from sandpiper.common.target import Target
from sandpiper.common.target_parser import parse_target
from sandpiper.peer import Room

if TYPE_CHECKING:
    from sandpiper.common.codes import RoomCode

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
CODE_HERE: Final = "@"
"""As a TARGET: the room code that the environment, the settings, a file or a prompt give."""
THEMES: Final = ("dark", "light", "contrast", "terminal")
RINGS: Final = ("all", "mentions", "none")
_STATUTE: Final[tuple[str, ...]] = ("words", "capacity", "history", "backlog")


@dataclass(frozen=True, slots=True)
class Peering:
    """Which room, and how: `code` is None for a new one, `statute` is what `peer.create` and `join` take besides."""

    network: Network
    code: RoomCode | None = None
    password: str | None = field(default=None, repr=False)
    statute: Mapping[str, Any] = field(default_factory=dict)
    template: str = ""
    qr: bool = False

    def dialer(self, caller: Caller) -> Dialer:
        """Returns what opens such rooms."""
        return Dialer(caller, self.network, password=self.password)


def target_options(function: Decorated) -> Callable[..., Any]:
    """Adds the options of commands with a TARGET; passes `caller`, the target as `aim`, and `peering`."""

    @click.argument("target")
    @caller_options
    @network_options
    @code_options
    @password_options
    @click.pass_context
    @functools.wraps(function)
    def wrapped(context: click.Context, /, *, network: Network, target: str, **rest: Any) -> Any:
        aim, network, needed = chosen_target(context, target, network)
        password = None if isinstance(aim, Target) else resolve_password(context, needed=needed)
        return function(aim=aim, peering=Peering(network, password=password), **rest)

    return wrapped


def chosen_target(context: click.Context, target: str, network: Network) -> tuple[Aim, Network, bool]:
    """Returns where a TARGET leads, how, and whether a password is needed there: an invite link says it all.

    `@` is the room code that is given elsewhere. Raises UsageError.
    """
    if target.strip() == CODE_HERE:
        return *chosen_code(context, network), False
    if context.get_parameter_source("code_file") is ParameterSource.COMMANDLINE:
        raise UsageError(f"give --code-file with {CODE_HERE} as TARGET, or TARGET itself")
    aim = parse_target(target)
    if not isinstance(aim, Target):
        from sandpiper.common.invite import Invite

        if not isinstance(aim, Invite):
            return aim, network, False
        if not isinstance(aim.aim, Target):
            return aim.aim, network.found_by(aim.discovery, aim.broker), aim.password_needed
        aim = aim.aim
    network.refuse_for_broker()
    return aim, network, False


def peer_options(function: Decorated) -> Callable[..., Any]:
    """Adds the options of who calls, the network and the secrets; passes `caller`, and all the rest as `peering`.

    A command with a parameter `code` is told which room is meant; one without makes a new one.
    """

    @caller_options
    @network_options
    @password_options
    @click.pass_context
    @functools.wraps(function)
    def wrapped(context: click.Context, /, *, network: Network, **rest: Any) -> Any:
        code = None
        if "code" in rest:
            del rest["code"]
            code, network = chosen_code(context, network)
        statute = {name: rest.pop(name) for name in _STATUTE if name in rest}
        template, qr = rest.pop("join_line", ""), rest.pop("qr", False)
        return function(peering=Peering(network, code, resolve_password(context), statute, template, qr), **rest)

    return wrapped


def statute_options(function: Decorated) -> Decorated:
    """Adds what a room is founded with: --words, --capacity, --history."""
    words = click.option(
        "--words",
        type=click.IntRange(CODE_WORDS_LEAST, CODE_WORDS_MOST),
        default=2,
        metavar="N",
        help="Words in the code; each makes it 2,048 times as hard to guess [2].",
    )
    capacity = click.option(
        "--capacity",
        type=click.IntRange(2, CAPACITY_MOST),
        default=CAPACITY,
        metavar="N",
        help=f"How many sessions can be in the room [{CAPACITY}].",
    )
    history = click.option(
        "--history",
        type=click.Choice(("epoch", "all", "none")),
        default="epoch",
        help="What a newcomer sees of earlier messages: all, none, or since the room's last new key [epoch].",
    )
    return words(capacity(history(function)))


def backlog_option(function: Decorated) -> Decorated:
    """Adds --backlog."""
    return click.option(
        "--backlog",
        type=click.IntRange(0, BACKLOG_MOST),
        metavar="N",
        help="Begin with the newest N messages [all that the room gives].",
    )(function)


def manner_options(function: Decorated) -> Callable[..., Any]:
    """Adds how a chat is held: --json, --plain, and the screen's looks; passes them as `options`."""

    @click.option("--json", "as_json", is_flag=True, help="JSON lines on stdin and stdout.")
    @click.option(
        "--plain", is_flag=True, help="Chat line by line, without the full screen, as in a pipe or for a screen reader."
    )
    @click.option("--theme", type=click.Choice(THEMES), help="The screen's colours [those chosen last, else dark].")
    @click.option(
        "--notify",
        type=click.Choice(RINGS),
        default="mentions",
        help="Which messages ring the bell at first [mentions].",
    )
    @click.option("--no-history", is_flag=True, help="Store nothing of what the screen shows.")
    @functools.wraps(function)
    def wrapped(*, as_json: bool, plain: bool, theme: str | None, notify: str, no_history: bool, **rest: Any) -> Any:
        screen = ScreenOptions(theme or "", notify, not no_history)
        return function(options=ChatOptions(as_json=as_json, plain=plain, screen=screen), **rest)

    return wrapped


def join_line_option(function: Decorated) -> Decorated:
    """Adds --qr; and --join-line, for wrappers such as `make chat`, which have others join in another way."""
    qr = click.option("--qr", is_flag=True, help="Draw the invite link as a QR code too.")
    line = click.option("--join-line", default="", hidden=True, help="What others paste, with {code} in it.")
    return qr(line(function))


def hold(
    caller: Caller, peering: Peering, options: ChatOptions, code: RoomCode | None, *, open_if_missing: bool = False
) -> None:
    """Chats in that room, or without a code in a new one. Raises SandpiperError."""
    dialer = peering.dialer(caller)

    def open_room(other: str, nick: str) -> AbstractAsyncContextManager[Room]:
        if not other:
            missing = {} if code is None else {"open_if_missing": open_if_missing}
            return dialer.peers(code, nick=nick, **missing, **peering.statute)
        from sandpiper.common.codes import parse_code

        # Another room has another password, if any.
        return dialer.peers(parse_code(other), nick=nick, password=None)

    share = _share(peering, caller, open_if_missing=open_if_missing)
    run(chat(open_room, dialer, replace(options, share=share)))


def _share(peering: Peering, caller: Caller, *, open_if_missing: bool) -> Invitation:
    file = caller.access_code_file if caller.access_code is not None and peering.network.broker else ""

    def line(code: str, password: bool) -> str:
        return join_line(peering.network, code, password, file, template=peering.template)

    opened = "the room's code is {code}; others join with"
    if open_if_missing:
        opened = "nobody was in {code}, so it has been opened; others join with"

    def link(code: str, password: bool) -> str:
        return invite_link(peering.network, code, password)

    return Invitation(line, link, opened, qr=peering.qr)
