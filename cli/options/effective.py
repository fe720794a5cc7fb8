"""The effective value of each option, and why: asked of click itself, so that it is what the command gets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click
import msgspec
from click.core import ParameterSource

from sandpiper.cli.options.settings import CONFIG, FLAGS

SECRET: Final = frozenset(("access_code", "code", "password", "passphrase"))
"""Options and keys that are shown as set, and never as what."""
HIDDEN: Final = "(hidden)"
_LESS: Final = ("code", "password")  # without a flag, or under another name
_ASKED: Final = "_wanted"  # `--password` itself: to be asked, which is no setting


class Setting(msgspec.Struct, omit_defaults=True):
    """An option of a command. `source` is flag, environment, file or default; `name` the variable or the file."""

    command: str
    option: str
    value: Any
    source: str
    name: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    value: object
    source: ParameterSource | None


def effective(command: click.Command, context: click.Context, words: Sequence[str] = ()) -> Iterator[Setting]:
    """The command's settings, were it run now with these words. Raises click's UsageError for words that are none."""
    path = context.info_name or ""
    given, _, _ = command.make_parser(context).parse_args(list(words))
    seen = set()
    for parameter in options(command):
        seen.add(parameter.name or "")
        value, source = parameter.consume_value(context, given)
        yield _setting(path, parameter, context, _Found(value, source))
    for name in _LESS:
        if name not in seen and (less := _flagless(path, name, context, seen)) is not None:
            yield less


def options(command: click.Command) -> list[click.Option]:
    """Yields the options that have a setting."""
    return [
        each
        for each in command.params
        if isinstance(each, click.Option) and not each.hidden and not (each.name or "").endswith(_ASKED)
    ]


def option_name(parameter: click.Option) -> str:
    """Returns an option's name as in config.toml."""
    name = parameter.name or ""
    return next((flag for flag, other in FLAGS.items() if other == name), name).replace("_", "-")


def _setting(path: str, parameter: click.Option, context: click.Context, found: _Found) -> Setting:
    name = parameter.name or ""
    where, variable = _SOURCES.get(found.source, "default"), ""
    if where == "environment":
        variable = _variable(parameter, context)
    elif where == "file":
        variable = CONFIG
    if where == "default":
        return Setting(path, option_name(parameter), _plain(parameter.get_default(context)), where)
    if name in SECRET:
        return Setting(path, option_name(parameter), HIDDEN, where, variable)
    try:
        value = _plain(parameter.type_cast_value(context, found.value))
    except click.BadParameter as error:
        return Setting(path, option_name(parameter), _plain(found.value), where, variable, error.message)
    return Setting(path, option_name(parameter), value, where, variable)


def _flagless(path: str, name: str, context: click.Context, seen: set[str]) -> Setting | None:
    """A secret that the command takes from elsewhere only."""
    if f"{name}_file" not in seen:
        return None
    variable = f"SANDPIPER_{name.upper()}"
    if os.environ.get(variable):
        return Setting(path, name, HIDDEN, "environment", variable)
    if (context.default_map or {}).get(name) is not None:
        return Setting(path, name, HIDDEN, "file", CONFIG)
    return None


def _variable(parameter: click.Option, context: click.Context) -> str:
    """The variable that click has found."""
    named = parameter.envvar if isinstance(parameter.envvar, (list, tuple)) else [parameter.envvar]
    prefix = context.auto_envvar_prefix
    own = f"{prefix}_{(parameter.name or '').upper()}" if prefix else ""
    return next((str(name) for name in (*named, own) if name and os.environ.get(name)), own)


def _plain(value: Any) -> Any:
    """Returns a value as JSON and TOML have it."""
    if isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None  # click's own mark for what is not set


_SOURCES: Final[dict[ParameterSource | None, str]] = {
    ParameterSource.COMMANDLINE: "flag",
    ParameterSource.ENVIRONMENT: "environment",
    ParameterSource.DEFAULT_MAP: "file",
}
