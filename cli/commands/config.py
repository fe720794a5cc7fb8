"""`sandpiper config`: what is set, why, and setting it."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from sandpiper.cli.options.effective import SECRET, Setting, effective, option_name, options
from sandpiper.cli.options.settings import CONFIG, folders, read_config
from sandpiper.cli.printing import show_lines, show_object
from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.sanitise import clip
from sandpiper.common.text_files import decoded

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_STDIN: Final = "-"
_ALL: Final = "--all"
_OWN: Final = ("config", "id", "completion", "doctor")  # nothing to set about these
_SECRET_KEYS: Final = tuple(name.replace("_", "-") for name in sorted(SECRET - {"passphrase"}))
_VALUE_COLUMNS: Final = 60


class ConfigReport(msgspec.Struct, tag_field="type", tag="config", omit_defaults=True):
    """The answer of `config show`: the file, the settings, and keys of the file that mean nothing."""

    file: str
    settings: list[Setting]
    unknown: list[str] = []


@click.group("config", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Your settings, in config.toml. A flag is nearer than SANDPIPER_* in the environment, and that than the file.

    KEY is an option without its dashes: `nick` for all commands, `listen.backlog` for one.

    \b
    sandpiper config set nick anna
    sandpiper config set join.discovery chat.example.org:8000
    sandpiper config show
    """  # noqa: D301  # click means the character
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@command.command("path")
def path() -> None:
    """Print where config.toml is, or would be."""
    show_lines(str(_file()))


@command.command("show", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--json", "as_json", is_flag=True, help="Print one config object.")
@click.option(_ALL, "everything", is_flag=True, help="What is by default too.")
@click.argument("name", metavar="[COMMAND]", required=False)
@click.argument("words", metavar="[OPTIONS]...", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def show(context: click.Context, as_json: bool, everything: bool, name: str | None, words: tuple[str, ...]) -> None:
    """Show what is set, and where: for all commands, or for COMMAND, as it would be run with OPTIONS.

    Codes and passwords are never shown.
    """
    if _ALL in words:  # no command has that
        everything, words = True, tuple(word for word in words if word != _ALL)
    found = [each for command in _chosen(context, name) for each in _settings(context, command, words)]
    kept = [each for each in found if everything or each.source != "default"]
    told = ConfigReport(str(_file()), kept, unknown_keys(context, read_config(_file().parent)))
    if as_json:
        show_object(told)
    else:
        show_lines(*_lines(told, found))


def _keys(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The settings that complete what is typed: by their names, or of one command after its name and a dot."""
    section = incomplete.rpartition(".")[0]
    found = {
        f"{name}.{option_name(each)}" if section else option_name(each)
        for name, known, _ in _commands(context)
        if section in ("", name)
        for each in options(known)
    }
    return sorted(each for each in found if each.startswith(incomplete))


@command.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("key", shell_complete=_keys)
@click.argument("value", required=False)
@click.pass_context
def set_(context: click.Context, key: str, value: str | None) -> None:
    """Set KEY to VALUE in config.toml. A VALUE of `-` is the first line of stdin.

    Codes and passwords are not given here, where others may see them: leave VALUE out, and it is asked for.
    """
    section, option = _key(context, key)
    checked = _checked(context, section, option, _value(option, value))
    document = _read()
    table = document
    if section:
        import tomlkit

        table = document.setdefault(section, tomlkit.table())
        if not isinstance(table, dict):
            raise UsageError(
                f"{section} is set for all commands in {_file()}, and one file cannot have that and [{section}]; "
                f"set it by command instead, as in create.{section}, and `sandpiper config unset {section}`"
            )
    spelled = _spelling(table, option)
    if isinstance(table.get(spelled), dict):
        raise UsageError(
            f"{_file()} has a table [{spelled}], and cannot have a {option} for all commands beside it; "
            f"set it by command, as in create.{option}"
        )
    table[spelled] = checked
    _write(document)


@command.command("unset")
@click.argument("key", shell_complete=_keys)
@click.pass_context
def unset(context: click.Context, key: str) -> None:
    """Take KEY out of config.toml."""
    section, _, option = key.rpartition(".")
    document = _read()
    table = document.get(section, {}) if section else document
    spelled = _spelling(table, option) if isinstance(table, dict) else ""
    if not spelled or spelled not in table or isinstance(table[spelled], dict):
        raise UsageError(f"{key} is not set in {_file()}")
    del table[spelled]
    _write(document)


# What there is -----------------------------------------------------------------------------------------------


def _commands(context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yields the commands that have settings, each in the context that it would run in."""
    root = context.find_root()
    assert isinstance(root.command, click.Group)
    for name in root.command.list_commands(root):
        command = root.command.get_command(root, name)
        if command is not None and name not in _OWN:
            yield name, command, click.Context(command, parent=root, info_name=name)


def _chosen(context: click.Context, name: str | None) -> list[tuple[str, click.Command, click.Context]]:
    found = list(_commands(context))
    if name is None:
        return found
    chosen = [each for each in found if each[0] == name]
    if not chosen:
        raise UsageError(
            f"no command '{clip(name, 20)}' has settings; there are {', '.join(each[0] for each in found)}"
        )
    return chosen


def _settings(
    context: click.Context, command: tuple[str, click.Command, click.Context], words: Sequence[str]
) -> Iterator[Setting]:
    try:
        yield from effective(command[1], command[2], words)
    except click.UsageError as error:
        error.ctx = command[2]
        raise


def unknown_keys(context: click.Context, config: Mapping[str, Any]) -> list[str]:
    """The keys of config.toml that no command has an option for: typing mistakes, most likely."""
    known = {name: {option_name(each) for each in options(command)} for name, command, _ in _commands(context)}
    anywhere = set().union(*known.values(), _SECRET_KEYS)
    wrong = []
    for key, value in config.items():
        if not isinstance(value, dict):
            if key.replace("_", "-") not in anywhere:
                wrong.append(key)
        elif key not in known:
            wrong.append(key)
        else:
            wrong += [f"{key}.{each}" for each in value if each.replace("_", "-") not in {*known[key], *_SECRET_KEYS}]
    return wrong


def invalid(context: click.Context) -> Iterator[tuple[str, str, str]]:
    """ConfigReport that their command would not take: the key, where it is from, and why not."""
    told = set()
    for command in _commands(context):
        for each in _settings(context, command, ()):
            if each.error and (each.name, each.option) not in told:
                told.add((each.name, each.option))
                yield f"{each.command}.{each.option}", each.name, each.error


def _lines(told: ConfigReport, found: Sequence[Setting]) -> Iterator[str]:
    """Aligned; what is the same for every command that has it stands once."""
    having: dict[str, int] = defaultdict(int)
    alike: dict[str, list[Setting]] = defaultdict(list)
    for setting in found:
        having[setting.option] += 1
    for setting in told.settings:
        alike[setting.option].append(setting)
    rows = []
    for option, settings in alike.items():
        first = settings[0]
        same = all((each.value, each.source, each.name) == (first.value, first.source, first.name) for each in settings)
        if same and len(settings) == having[option]:
            rows.append((option, first))
        else:
            rows += [(f"{each.command}.{option}", each) for each in settings]
    keys = max((len(key) for key, _ in rows), default=0)
    values = max((len(_shown(each.value)) for _, each in rows), default=0)
    yield told.file + ("" if Path(told.file).exists() else " (not there)")
    for key, each in rows:
        error = f": {each.error}" if each.error else ""
        yield f"{key:{keys}}  {_shown(each.value):{values}}  {each.name or each.source}{error}"
    if not rows:
        yield "all is as by default; --all shows it"
    for key in told.unknown:
        yield f"{key} in {CONFIG} is no option of any command"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return clip(" ".join(map(str, value)), _VALUE_COLUMNS) or "-"
    return "-" if value is None else clip(str(value), _VALUE_COLUMNS)


# Setting -----------------------------------------------------------------------------------------------------


def _key(context: click.Context, key: str) -> tuple[str, str]:
    """Section, empty for all, and option. Raises UsageError."""
    section, _, option = key.lower().rpartition(".")
    option = option.replace("_", "-")
    if section:
        _chosen(context, section)
    if option not in _SECRET_KEYS and not list(_having(context, section, option)):
        import difflib

        there = {option_name(each) for name, command, _ in _commands(context) for each in options(command)}
        near = difflib.get_close_matches(option, there, 1)
        where = f"{section} has no option" if section else "no command has an option"
        raise UsageError(f"{where} '{clip(option, 30)}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    return section, option


def _having(context: click.Context, section: str, option: str) -> Iterator[tuple[str, click.Option, click.Context]]:
    for name, command, inner in _commands(context):
        if not section or name == section:
            yield from ((name, each, inner) for each in options(command) if option_name(each) == option)


def _value(option: str, value: str | None) -> str:
    if option in _SECRET_KEYS:
        if value is None:
            from sandpiper.cli.options.secrets import ask_unseen, terminal

            if not terminal():
                raise UsageError(f"no terminal to ask for the {option} at; give - as VALUE, and it on stdin")
            return ask_unseen(f"{option}: ")
        if value != _STDIN:
            raise UsageError(f"the {option} would be seen by others here; leave VALUE out, and it is asked for")
    if value is None:
        raise UsageError(f"to what? give a VALUE, or use `sandpiper config unset {option}`")
    return sys.stdin.readline().rstrip("\r\n") if value == _STDIN else value


def _checked(context: click.Context, section: str, option: str, value: str) -> Any:
    """The value as it goes into the file. Raises UsageError where a command that has the option would not take it."""
    checked: Any = value
    for name, parameter, inner in _having(context, section, option):
        words: Any = value.replace(",", " ").split() if parameter.multiple else value
        try:
            checked = parameter.type_cast_value(inner, words)
            if parameter.callback is not None and parameter.name not in SECRET:
                parameter.callback(inner, parameter, checked)
        except (click.BadParameter, UsageError) as error:
            text = error.message if isinstance(error, click.BadParameter) else str(error)
            hint = "" if section else f" (for `{name}`; {name}.{option} or the like sets it for one command)"
            raise UsageError(f"{option}: {text.rstrip('.')}{hint}") from None
    return list(checked) if isinstance(checked, tuple) else checked


def _spelling(table: Mapping[str, Any], option: str) -> str:
    """The key as it stands there already, with hyphens or underscores."""
    return next((key for key in table if key.replace("_", "-") == option.replace("_", "-")), option)


# The file ----------------------------------------------------------------------------------------------------


def _file() -> Path:
    return folders().config / CONFIG


def _read() -> TOMLDocument:
    """Comments and all. Raises UsageError."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    read_config(_file().parent)  # says what is wrong with it
    try:
        return tomlkit.parse(decoded(_file().read_bytes()))
    except FileNotFoundError:
        return tomlkit.document()
    except TOMLKitError as error:
        raise UsageError(f"{_file()} is not TOML: {error}; mend it, or move it away") from None


def _write(document: TOMLDocument) -> None:
    import tomlkit

    from sandpiper.common.io.files import private_folder, write_private

    file = _file()
    try:
        private_folder(file.parent)
        write_private(file.resolve(), tomlkit.dumps(document).encode())
    except OSError as error:
        raise SandpiperError(f"cannot write {file}: {error.strerror or error}") from None
