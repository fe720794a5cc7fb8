"""The command's entry, and the one place where what went wrong becomes a line on stderr and an exit code.

`--version` is answered before anything else is imported; each command imports what it needs itself.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from sandpiper.cli.version import VERSION

_INTERRUPTED = 130
_GARBAGE_AFTER = 20_000  # objects; at the default of 700, importing collects 50 times, which takes 6 ms


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line; its exit code."""
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        if list(arguments) in (["--version"], ["-V"]):
            sys.stdout.write(f"sandpiper {VERSION}\n")
            sys.stdout.flush()
            return 0
        return _run(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return 0


def _run(arguments: Sequence[str]) -> int:
    gc.set_threshold(_GARBAGE_AFTER)
    import click

    from sandpiper.cli.app import COMPLETING, app
    from sandpiper.common.errors import Code, Refusal, SandpiperError

    if COMPLETING in os.environ:  # a shell asks
        from sandpiper.cli.completion import answer

        answer()
    try:
        result = app.main(list(arguments), "sandpiper", standalone_mode=False, auto_envvar_prefix="SANDPIPER")
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        return _INTERRUPTED
    except click.ClickException as error:
        return _fail(_usage(error), error.exit_code)
    except SandpiperError as error:
        return _fail(str(error), error.exit_code)
    except Refusal as refusal:
        return _fail(refusal.text, 4 if refusal.code is Code.ACCESS else 6)
    except (BrokenPipeError, ConnectionResetError):
        raise BrokenPipeError from None
    except OSError as error:
        name = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{name}", 1)


def _usage(error: object) -> str:
    """The words of click, and where to read more."""
    import click

    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "sandpiper"
    return f"{text.rstrip('.')}; see `{path} --help`"


def _fail(text: str, code: int) -> int:
    from sandpiper.common.sanitise import printable

    # An error may quote what came from elsewhere.
    sys.stderr.write(f"sandpiper: {printable(' '.join(text.split()))}\n")
    return code


def _forget_stdout() -> None:
    """The reader has gone: what is still buffered has nowhere to go, and its flush at exit must not complain."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
