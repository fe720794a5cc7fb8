"""Codes and passwords, and the ways by which they come: flag, environment, settings, file, or a prompt.

None of them has to stand on the command line, where `ps` and the shell's history show it, and no error quotes one.
What is nearer wins: flag, then environment, then config.toml; of two that are as near, what says it before what names
a file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from sandpiper.common.errors import UsageError
from sandpiper.common.limits import INVITE_CHARS, PASSPHRASE_CHARS_LEAST
from sandpiper.common.sanitise import printable
from sandpiper.common.target import Target, is_link
from sandpiper.common.text_files import NotText, decoded

if TYPE_CHECKING:
    from prompt_toolkit.output import Output

    from sandpiper.cli.options.network import Network
    from sandpiper.common.codes import RoomCode
    from sandpiper.common.invite import Invite

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

STDIN: Final = "-"
"""As a file it is the first line of stdin, and no more of it."""

_NEAREST: Final = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)
_LINE_BYTES: Final = 2 * INVITE_CHARS  # the longest secret, and enough beyond it for its check to find it too long
_META: Final = "sandpiper.secrets."
_WANTED: Final = "password_wanted"


@dataclass(frozen=True, slots=True)
class GivenSecret:
    """A secret as it was given. `typed` on this very command line: then an error may quote it back."""

    text: str
    typed: bool


@dataclass(frozen=True, slots=True)
class Secret:
    """A kind of secret. `name` is click's parameter and the settings' key, the file's is `name`_file."""

    noun: str
    name: str

    def given(self, context: click.Context) -> GivenSecret | None:
        """Returns the secret that flags, environment or settings give, in this order; or None. Raises UsageError."""
        found = [*self._said(context), *self._filed(context)]
        if [source for source, _ in found].count(ParameterSource.COMMANDLINE) > 1:
            raise UsageError(f"give --{_dashed(self.name)}-file or {self._flag(context)}, not both")
        if not found:
            return None
        source, text = min(found, key=lambda way: _NEAREST.index(way[0]))
        if isinstance(text, Path):
            return GivenSecret(self.first_line(text), typed=False)
        return GivenSecret(text, typed=source is ParameterSource.COMMANDLINE)

    def first_line(self, path: Path) -> str:
        """Returns the first line of a file. Raises UsageError."""
        what = f"the {self.noun} file {path}" if str(path) != STDIN else f"the {self.noun} from stdin"
        try:
            return decoded(_read_stdin() if str(path) == STDIN else _read(path)).rstrip("\r\n")
        except OSError as error:
            raise UsageError(f"cannot read {what}: {error.strerror or error}") from None
        except NotText as error:
            raise UsageError(f"{what} {error}") from None

    def _said(self, context: click.Context) -> list[tuple[ParameterSource, str | Path]]:
        value = context.params.get(self.name)
        source = context.get_parameter_source(self.name)
        if isinstance(value, str) and source in _NEAREST:
            return [(source, value)]
        if isinstance(value, tuple) and value and source is ParameterSource.COMMANDLINE:
            return [(source, " ".join(value))]
        # An argument of several words, and what has no flag, click does not read from there.
        if said := os.environ.get(f"SANDPIPER_{self.name.upper()}"):
            return [(ParameterSource.ENVIRONMENT, said)]
        said = (context.default_map or {}).get(self.name)
        if said is None:
            return []
        if not isinstance(said, str):
            raise UsageError(f"config.toml: '{self.name}' is a text in quotes")
        return [(ParameterSource.DEFAULT_MAP, said)]

    def _flag(self, context: click.Context) -> str:
        return next(
            param.opts[0] if isinstance(param, click.Option) else param.human_readable_name
            for param in context.command.params
            if param.name == self.name
        )

    def _filed(self, context: click.Context) -> list[tuple[ParameterSource, str | Path]]:
        file = f"{self.name}_file"
        path = context.params.get(file) or context.meta.get(_META + file)
        source = context.get_parameter_source(file)
        return [(source, Path(path))] if path and source in _NEAREST else []


ACCESS_CODE: Final = Secret("access code", "access_code")
CODE: Final = Secret("room code", "code")
PASSWORD: Final = Secret("password", "password")
PASSPHRASE: Final = Secret("passphrase", "passphrase")


def code_options(function: Decorated) -> Decorated:
    """Adds --code-file, which stays between click's context and `chosen_code`.

    The command's own parameter `code`, an argument or an option, comes first; a command that has none takes the code
    from elsewhere only.
    """
    return _file_option(CODE)(function)


def password_options(function: Decorated) -> Decorated:
    """Adds --password and --password-file, which stay between click's context and `resolve_password`."""
    # By another name: else SANDPIPER_JOIN_PASSWORD, or `password` in the settings, would be read as yes or no, and
    # click would quote it when it is neither.
    flag = click.option(
        "--password",
        _WANTED,
        is_flag=True,
        expose_value=False,
        callback=_keep,
        help="The room has a password: ask for it, unless it is given.",
    )
    return flag(_file_option(PASSWORD)(function))


def passphrase_options(function: Decorated) -> Decorated:
    """Adds --passphrase-file, which stays between click's context and `resolve_passphrase`."""
    return _file_option(PASSPHRASE)(function)


def chosen_code(context: click.Context, network: Network) -> tuple[RoomCode, Network]:
    """The room code that is given, or else asked for. Raises UsageError.

    A link in its place says too how to get there, and whether `resolve_password` has to ask for a password.
    """
    from sandpiper.common.codes import RoomCode

    found = read_code(CODE.given(context) or GivenSecret(ask_code(), typed=True))
    if isinstance(found, RoomCode):
        return found, network
    if isinstance(found.aim, Target):
        raise UsageError(f"that link leads to a room at a broker; try sandpiper connect {found.aim}")
    if found.password_needed:
        context.meta[_META + _WANTED] = True
    return found.aim, network.found_by(found.discovery, found.broker)


def read_code(given: GivenSecret) -> RoomCode | Invite:
    """A room code, or a link. Raises UsageError."""
    from sandpiper.common.codes import parse_code
    from sandpiper.common.invite import parse_invite

    text = given.text.strip()
    return parse_invite(text) if is_link(text) else parse_code(text, quote=given.typed)


def resolve_password(context: click.Context, *, needed: bool = False) -> str | None:
    """The password that is given; else, if --password, an invite link or `needed` says so, the one that is typed now.

    A command without a room code makes a new room, and asks twice. Raises UsageError.
    """
    from sandpiper.common.codes import checked_password

    given = PASSWORD.given(context)
    if given is not None:
        return checked_password(given.text)
    if needed or context.meta.get(_META + _WANTED):
        return ask_password(again=not {"code", "target"} & context.params.keys())
    return None


def resolve_passphrase(context: click.Context, *, again: bool) -> str:
    """The passphrase that is given, or else typed now; `again` for a new one. Raises UsageError."""
    given = PASSPHRASE.given(context)
    if given is not None:
        return checked_passphrase(given.text, again=again)
    if not terminal():
        raise UsageError(
            "no terminal to ask for the passphrase at; give it in SANDPIPER_PASSPHRASE, or with --passphrase-file"
        )
    least = f" (at least {PASSPHRASE_CHARS_LEAST} characters)" if again else ""
    passphrase = checked_passphrase(ask_unseen(f"Passphrase{least}: "), again=again)
    if again and ask_unseen("The same again: ") != passphrase:
        raise UsageError("the two passphrases differ; try again")
    return passphrase


def checked_passphrase(passphrase: str, *, again: bool) -> str:
    """A passphrase; a new one is not too short. Raises UsageError."""
    if again and len(passphrase) < PASSPHRASE_CHARS_LEAST:
        raise UsageError(f"a passphrase has at least {PASSPHRASE_CHARS_LEAST} characters")
    return passphrase


def terminal() -> bool:
    """Returns whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_code(prompt: str = "Room code: ", output: Output | None = None) -> str:
    """Asks for a room code or a link, completing words, until it is one. Raises UsageError without a terminal."""
    if not terminal():
        raise UsageError("there is no room code; give it as an argument, in SANDPIPER_CODE, or with --code-file")
    # Takes 90 ms, and only here.
    from sandpiper.cli.chat.code_prompt import prompt_code

    try:
        return prompt_code(prompt, lambda text: read_code(GivenSecret(text, typed=True)), output)
    except EOFError:
        raise click.Abort from None


def ask_password(prompt: str = "Password: ", *, again: bool = False) -> str:
    """Asks for a password unseen, twice for a new one. Raises UsageError."""
    from sandpiper.common.codes import checked_password

    if not terminal():
        raise UsageError(
            "no terminal to ask for the password at; give it in SANDPIPER_PASSWORD, or with --password-file"
        )
    password = checked_password(ask_unseen(prompt))
    if again and checked_password(ask_unseen("The same again: ")) != password:
        raise UsageError("the two passwords differ; try again")
    return password


def ask_unseen(prompt: str) -> str:
    """A line of the terminal that does not show. Ctrl-D is as good as Ctrl-C."""
    import getpass

    try:
        return getpass.getpass(printable(prompt), sys.stderr)
    except EOFError:
        raise click.Abort from None


def _file_option(secret: Secret) -> Callable[[Decorated], Decorated]:
    return click.option(
        f"--{_dashed(secret.name)}-file",
        metavar="FILE",
        envvar=f"SANDPIPER_{secret.name.upper()}_FILE",
        expose_value=False,
        callback=_keep,
        help=f"Read the {secret.noun} from the first line of FILE; {STDIN} is stdin.",
    )


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    context.meta[f"{_META}{parameter.name}"] = value
    return value


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(_LINE_BYTES)


def _read_stdin() -> bytes:
    # Byte by byte: what follows belongs to whoever reads stdin next, and past Python's buffer.
    line = b""
    while len(line) < _LINE_BYTES and not line.endswith(b"\n") and (byte := os.read(sys.stdin.fileno(), 1)):
        line += byte
    return line
