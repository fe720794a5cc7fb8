"""`sandpiper completion SHELL`: the script by which a shell completes our commands; and what it is answered.

click resolves what stands on the line. The scripts are ours, for all four shells alike: they hand over the line up to
the cursor in COMP_LINE, and read `kind TAB value TAB help` lines. A `part` is no whole word yet: no space comes after.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, Final

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, split_arg_string

from sandpiper.cli.options.settings import COMPLETING, folders

_PART: Final = "part"
_BREAKS: Final = ":="


class _Shell(ShellComplete):
    """The completion script of a shell, and the answers to it."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """See click: the words before the cursor's, and that."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        if not words or line[-1:].isspace():
            return words[1:], ""
        return words[1:-1], words[-1]

    def format_completion(self, item: CompletionItem[str]) -> str:
        """See click."""
        return "\t".join((item.type, str(item.value), " ".join((item.help or "").split())))


class Bash(_Shell):
    """The script for bash, also for 3.2, as macOS has it."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = r"""
%(complete_func)s() {
    local kind value help
    COMPREPLY=()
    while IFS=$'\t' read -r kind value help; do
        case $kind in
            plain) COMPREPLY+=("$(printf '%%q ' "$value")") ;;
            part) COMPREPLY+=("$(printf '%%q' "$value")") ;;
            file) compopt -o default +o nospace 2>/dev/null ;;
            dir) compopt -o dirnames +o nospace 2>/dev/null ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nospace -F %(complete_func)s %(prog_name)s
"""

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Without what stands before the last colon, for bash takes that for a word of its own."""
        _, incomplete = self.get_completion_args()
        breaks = [mark for mark in _BREAKS if mark in os.environ.get("COMP_WORDBREAKS", "")]
        before = incomplete[: max((incomplete.rfind(mark) + 1 for mark in breaks), default=0)]
        value = str(item.value)
        return super().format_completion(CompletionItem(value.removeprefix(before), item.type, item.help))


class Zsh(_Shell):
    """The script for zsh, in an fpath or evaluated."""

    name: ClassVar[str] = "zsh"
    source_template: ClassVar[str] = r"""#compdef %(prog_name)s
%(complete_func)s() {
    local kind value help
    local -a whole parts
    while IFS=$'\t' read -r kind value help; do
        case $kind in
            plain) whole+=("${value//:/\\:}${help:+:$help}") ;;
            part) parts+=("$value") ;;
            file) _files ;;
            dir) _files -/ ;;
        esac
    done < <(COMP_LINE="${(j: :)${(@)words[1,CURRENT]}}" %(complete_var)s=zsh_complete "${words[1]}" 2>/dev/null)
    (( $#whole )) && _describe -V '%(prog_name)s' whole
    (( $#parts )) && compadd -S '' -- "${parts[@]}"
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class Fish(_Shell):
    """The script for fish, which leaves out the space after a hyphen by itself."""

    name: ClassVar[str] = "fish"
    source_template: ClassVar[str] = r"""
function %(complete_func)s
    for line in (COMP_LINE=(commandline -cp | string collect) %(complete_var)s=fish_complete %(prog_name)s 2>/dev/null)
        set -l each (string split \t -- $line)
        switch $each[1]
            case plain part
                test -n "$each[3]"; and printf '%%s\t%%s\n' $each[2] $each[3]; or echo $each[2]
            case file
                __fish_complete_path (commandline -ct)
            case dir
                __fish_complete_directories (commandline -ct)
        end
    end
end
complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
"""


class PowerShell(_Shell):
    """The script for PowerShell, 5.1 of Windows and 7."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = r"""
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $ast, $cursor)
    $line = $ast.ToString()
    $length = $cursor - $ast.Extent.StartOffset
    if ($length -le $line.Length) { $line = $line.Substring(0, $length) } else { $line += ' ' }
    $before = $env:COMP_LINE, $env:%(complete_var)s
    try {
        $env:COMP_LINE, $env:%(complete_var)s = $line, 'powershell_complete'
        $told = & %(prog_name)s 2>$null
    } finally {
        $env:COMP_LINE, $env:%(complete_var)s = $before
    }
    foreach ($each in $told) {
        $kind, $value, $help = $each -split "`t", 3
        if ($kind -eq 'file' -or $kind -eq 'dir') {
            [System.Management.Automation.CompletionCompleters]::CompleteFilename($word)
        } elseif ($value) {
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
        }
    }
}
"""


SHELLS: Final[dict[str, type[_Shell]]] = {each.name: each for each in (Bash, Zsh, Fish, PowerShell)}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes commands, options, brokers that you know, and words of room codes.

    \b
    eval "$(sandpiper completion bash)"             in ~/.bashrc
    eval "$(sandpiper completion zsh)"              in ~/.zshrc, after compinit
    sandpiper completion fish | source              in ~/.config/fish/config.fish
    sandpiper completion powershell | Out-String | Invoke-Expression       in $PROFILE
    """  # noqa: D301  # click means the character
    click.echo(SHELLS[shell](context.find_root().command, {}, "sandpiper", COMPLETING).source().strip())


def answer() -> None:
    """Has click answer the scripts above instead of its own."""
    for name, shell in SHELLS.items():
        add_completion_class(shell, name)


def teach(command: click.Command) -> None:
    """Has a command's parameters complete what they stand for, where click does not know that."""
    for parameter in command.params:
        known = _KINDS.get(parameter.metavar or "") or _KINDS.get(parameter.name or "")
        if known is targets and command.name == "connect":  # brokers only
            known = addresses
        if known is not None:
            # click asks the parameter; that it may be told at the definition only would import this module always.
            setattr(parameter, "shell_complete", partial(_complete, known))  # noqa: B010
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            teach(inner)


def _complete(known: _Known, context: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    return list(known(incomplete))


# What there is -----------------------------------------------------------------------------------------------


def codes(incomplete: str) -> Iterator[CompletionItem[str]]:
    """The word of a room code that is being typed, and the hyphen after it."""
    from sandpiper.common.words import INDEX, complete

    before, hyphen, begun = incomplete.lower().rpartition("-")
    if not begun or any(word not in INDEX for word in before.split("-") if hyphen):
        return
    for word in complete(begun):
        yield CompletionItem(f"{before}{hyphen}{word}-", _PART)


def addresses(incomplete: str) -> Iterator[CompletionItem[str]]:
    """The services whose keys are known here."""
    from sandpiper.common.text_files import NotText, decoded
    from sandpiper.common.trust import parse_known
    from sandpiper.peer.profile import KNOWN

    try:
        known = parse_known(decoded((folders().data / KNOWN).read_bytes()))
    except (OSError, NotText):
        return
    for address in sorted(known.pins):
        if address.startswith(incomplete.lower()):
            yield CompletionItem(address)


def targets(incomplete: str) -> Iterator[CompletionItem[str]]:
    """Completes addresses and codes."""
    yield from addresses(incomplete)
    yield from codes(incomplete)


def _of_kind(kind: str, incomplete: str) -> Iterator[CompletionItem[str]]:
    yield CompletionItem(incomplete, kind)


_Known = Callable[[str], Iterator[Any]]
_KINDS: Final[dict[str, _Known]] = {
    "target": targets,
    "code": codes,
    "discovery": addresses,
    "broker": addresses,
    "brokers": addresses,
    "host": addresses,
    "file": partial(_of_kind, "file"),
    "FILE": partial(_of_kind, "file"),
    "DIR": partial(_of_kind, "dir"),
}
