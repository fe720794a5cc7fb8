"""Options that several commands share: who calls, and the access code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize

import click

from sandpiper.cli.options.secrets import ACCESS_CODE
from sandpiper.cli.options.settings import folders
from sandpiper.common.errors import Refusal, UsageError
from sandpiper.common.limits import ACCESS_CODE_CHARS, NICK_CHARS
from sandpiper.common.nicks import ANON
from sandpiper.common.nicks import chosen as valid_nick

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Caller:
    """The person who connects: nick, access code if one was given, and the folder of the profile.

    `named`: the nick was given; `access_code_file` is where the code is from, FILE if not from a file.
    """

    nick: str
    access_code: str | None
    folder: Path
    named: bool = False
    access_code_file: str = "FILE"


def access_options(function: Decorated) -> Decorated:
    """Adds --access-code-file and --access-code; `access_code(context)` gives what they say."""
    file = click.option(
        "--access-code-file",
        metavar="FILE",
        envvar="SANDPIPER_ACCESS_CODE_FILE",
        help="Read the access code from the first line of FILE.",
    )
    code = click.option(
        "--access-code",
        metavar="CODE",
        envvar="SANDPIPER_ACCESS_CODE",
        help="The access code; other users of this machine can see it here, so a file is safer.",
    )
    return file(code(function))


def caller_options(function: Decorated) -> Callable[..., Any]:
    """Adds --nick and the access code's options, and passes them as one `caller`."""

    @click.option("--nick", envvar="SANDPIPER_NICK", metavar="NICK", help="Your nick [login name].")
    @access_options
    @click.pass_context
    @functools.wraps(function)
    def wrapped(
        context: click.Context, /, *, nick: str | None, access_code: str, access_code_file: str, **rest: Any
    ) -> Any:
        code, file = resolve_access_code(context), access_code_file or "FILE"
        caller = Caller(chosen_nick(nick), code, folders().data, nick is not None, file)
        return function(caller=caller, **rest)

    return wrapped


def resolve_access_code(context: click.Context) -> str | None:
    """The access code that flags, environment and config give, the nearest of them; None for none. Raises UsageError.

    It is never quoted in an error.
    """
    given = ACCESS_CODE.given(context)
    return None if given is None else checked_code(given.text)


def checked_code(code: str) -> str:
    """Returns an access code without the spaces around it. Raises UsageError."""
    code = code.strip()
    if not code:
        raise UsageError("the access code is empty")
    if len(code) > ACCESS_CODE_CHARS:
        raise UsageError(f"an access code has at most {ACCESS_CODE_CHARS} characters")
    return code


def chosen_nick(nick: str | None) -> str:
    """The nick that was asked for, or one made of the login name. Raises UsageError."""
    if nick is None:
        return login_nick()
    try:
        return valid_nick(nick)
    except Refusal as refusal:
        raise UsageError(f"{refusal.text}; choose another with --nick") from None


def login_nick() -> str:
    """The login name as far as it is a nick, else `anon`."""
    import getpass

    try:
        login = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in a container, for one
        return ANON
    return nick_of(login)


def nick_of(login: str) -> str:
    r"""A nick out of a login name such as `DOMAIN\anna@example`."""
    name = normalize("NFC", login.rpartition("\\")[2].partition("@")[0])
    name = "".join(char if char.isalnum() or char in "-_." else "-" for char in name)[:NICK_CHARS].strip("-")
    try:
        return valid_nick(name)
    except Refusal:
        return ANON
