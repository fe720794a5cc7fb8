"""The options by which rooms between peers are found and reached, for all commands that take a room code."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from sandpiper.common.errors import UsageError
from sandpiper.common.host_port import parted
from sandpiper.common.target import DISCOVERY_PORT, PORT, check_local, parse_address, parse_listen

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_PATHS: Final = ("auto", "direct", "relay")
_NAMES: Final = ("discovery", "broker", "path", "no_lan", "local", "listen", "advertise", "ephemeral")


@dataclass(frozen=True, slots=True)
class Network:
    """The values of these options. `given` are those that stood on the command line itself."""

    discovery: tuple[str, ...] = ()
    broker: tuple[str, ...] = ()
    path: str = "auto"
    lan: bool = True
    local: bool = False
    listen: str | None = None
    advertise: tuple[str, ...] = ()
    ephemeral: bool = False
    given: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Raises UsageError."""
        if self.local:
            check_local(self.discovery, self.broker, self.listen)

    def wish(self) -> dict[str, Any]:
        """Returns the options for `peer.create` and `peer.join`."""
        return {
            "discovery": self.discovery,
            "broker": self.broker,
            "path": self.path,
            "lan": self.lan,
            "local": self.local,
            "listen": self.listen,
            "advertise": self.advertise,
        }

    def found_by(self, discovery: Sequence[str], broker: Sequence[str]) -> Network:
        """Takes what an invite link says, but for what was given here."""
        return replace(
            self,
            discovery=self.discovery or tuple(discovery),
            broker=self.broker or tuple(broker),
        )

    def words(self) -> list[str]:
        """Returns the options that the others need too, to meet this one."""
        words = [word for address in self.discovery for word in ("--discovery", address)]
        words += [word for address in self.broker for word in ("--broker", address)]
        return [*words, "--local"] if self.local else words

    def refuse_for_broker(self) -> None:
        """A broker's room is reached by its TARGET alone. Raises UsageError."""
        if self.given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in self.given)
            raise UsageError(f"{names}: that is for room codes, and TARGET is a broker; leave it out")


def join_line(network: Network, code: str, password: bool, access_code_file: str = "", *, template: str = "") -> str:
    """Returns the command line by which others join. `template` (with `{code}`) is another form of it.

    A broker's access code is no more in it than a password: only where to have it.
    """
    if template and not password and not access_code_file:
        return template.replace("{code}", code)
    words = ["sandpiper", "join", code, *network.words()]
    if access_code_file:
        words += ["--access-code-file", access_code_file]
    return shlex.join([*words, "--password"] if password else words)


def invite_link(network: Network, code: str, password: bool) -> str:
    """Returns an invite link that says the same."""
    from sandpiper.common.codes import parse_code
    from sandpiper.common.invite import Invite

    return str(Invite(parse_code(code), network.discovery, network.broker, password))


def network_options(function: Decorated) -> Callable[..., Any]:
    """Adds the options, and passes them as one `network`."""

    @click.option(
        "--discovery",
        multiple=True,
        metavar="HOST:PORT",
        envvar="SANDPIPER_DISCOVERY",
        help="A discovery service by which members find each other [one on this machine, then the LAN]; may be "
        "given several times.",
    )
    @click.option(
        "--broker",
        multiple=True,
        metavar="HOST:PORT",
        envvar="SANDPIPER_BROKER",
        help="A broker that relays what cannot go directly, and cannot read it; may be given several times.",
    )
    @click.option("--path", type=click.Choice(_PATHS), default="auto", help="How messages travel [auto].")
    @click.option("--no-lan", is_flag=True, help="Neither search the LAN for members nor announce anything there.")
    @click.option("--local", is_flag=True, help="Stay on this machine.")
    @click.option(
        "--listen", metavar="ADDR:PORT", help="Where other members can connect [a free port, at all addresses]."
    )
    @click.option(
        "--advertise",
        multiple=True,
        metavar="ADDR",
        help="One more address at which other members can reach this machine.",
    )
    @click.option(
        "--ephemeral",
        is_flag=True,
        help="For a room code: use a new identity, and store nothing.",
    )
    @click.pass_context
    @functools.wraps(function)
    def wrapped(context: click.Context, /, **rest: Any) -> Any:
        found = {name: rest.pop(name) for name in _NAMES}
        given = tuple(name for name in _NAMES if context.get_parameter_source(name) is ParameterSource.COMMANDLINE)
        return function(network=_network(found, given), **rest)

    return wrapped


def _network(found: dict[str, Any], given: tuple[str, ...]) -> Network:
    return Network(
        discovery=_addresses(found["discovery"], "discovery", DISCOVERY_PORT),
        broker=_addresses(found["broker"], "broker", PORT),
        path=found["path"],
        lan=not found["no_lan"],
        local=found["local"],
        listen=_listen(found["listen"]),
        advertise=tuple(word for value in found["advertise"] for word in _split(value)),
        ephemeral=found["ephemeral"],
        given=given,
    )


def _split(value: str) -> list[str]:
    """Parts an environment variable's words, with spaces or commas between them."""
    return [word for word in re.split(r"[\s,]+", value) if word]


def _addresses(values: Sequence[str], option: str, port: int) -> tuple[str, ...]:
    found = []
    for word in (word for value in values for word in _split(value)):
        try:
            found.append(parse_address(word, port))
        except UsageError as error:
            raise UsageError(f"--{option}: {error}") from None
    return tuple(dict.fromkeys(found))


def _listen(value: str | None) -> str | None:
    if value is None:
        return None
    from sandpiper.common.io.resolver import is_numeric

    host, port = parted(value)
    if not host or (not port and not is_numeric(host)):
        raise UsageError("--listen is ADDR:PORT, such as 0.0.0.0:7000; port 0 takes a free one")
    parse_listen(value)
    return value
