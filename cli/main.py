"""The command's entry, and the one place where what went wrong becomes a line on stderr and an exit code.

`--version` is answered before anything else is imported; each command imports what it needs itself.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence

from sandpiper.cli.unread import UNREAD, forget
from sandpiper.cli.version import VERSION

_INTERRUPTED = 130
_GARBAGE_AFTER = 20_000  # objects; at the default of 700, importing collects 50 times, which takes 6 ms


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line; its exit code."""
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    _open_streams()
    _own_what_we_make()
    try:
        if list(arguments) in (["--version"], ["-V"]):
            sys.stdout.write(f"sandpiper {VERSION}\n")
            sys.stdout.flush()
            return 0
        return _run(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (BrokenPipeError, ConnectionResetError):
        forget(sys.stdout)
        return UNREAD
    except OSError as error:
        return _fail(_os_error(error), 1)


def script() -> None:
    """The process: `main`, and an end that waits for no thread."""
    code = main()
    if "threading" in sys.modules:  # no thread has been started without
        from sandpiper.common.io.exit_deadline import deadline
        from sandpiper.common.limits import ENDING_S

        deadline.by(ENDING_S, code)
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    gc.set_threshold(_GARBAGE_AFTER)
    import click

    from sandpiper.cli.app import app
    from sandpiper.cli.options.settings import COMPLETING
    from sandpiper.common.errors import Code, Refusal, SandpiperError

    if COMPLETING in os.environ:  # a shell asks
        from sandpiper.cli.commands.completion import answer

        answer()
    try:
        result = app.main(list(arguments), "sandpiper", standalone_mode=False, auto_envvar_prefix="SANDPIPER")
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as ended:
        if ended.exit_code == UNREAD:
            forget(sys.stdout)
        return ended.exit_code
    except SystemExit:  # click's own way to end when its output has no reader, and when a shell has been answered
        if COMPLETING in os.environ:
            raise
        raise BrokenPipeError from None
    except click.Abort:
        return _INTERRUPTED
    except click.ClickException as error:
        return _fail(_usage(error), error.exit_code)
    except SandpiperError as error:
        return _fail(str(error), error.exit_code)
    except Refusal as refusal:
        return _fail(refusal.text, 4 if refusal.code is Code.ACCESS else 6)
    except OSError:
        raise
    except Exception as error:
        if _starved(error):
            return _fail("no memory is left; raise the limit (ulimit -v), or end other programs", 1)
        if isinstance(error, RuntimeError) and "start new thread" in str(error):
            return _fail("no more threads can be started: raise the limits (ulimit -v, ulimit -u)", 1)
        if os.environ.get("SANDPIPER_DEBUG"):
            _show_traceback()
            return 1
        return _fail(
            f"a fault of its own: {type(error).__name__}: {error}; SANDPIPER_DEBUG=1 shows where, for a report", 1
        )


def _show_traceback() -> None:
    import traceback

    from sandpiper.cli.styled import shown

    sys.stderr.write(shown(traceback.format_exc()))


def _starved(error: Exception) -> bool:
    """Returns whether the error is a want of memory, also where Python or the system calls it otherwise."""
    lost_track = isinstance(error, SystemError) and isinstance(error.__cause__, MemoryError)
    return isinstance(error, MemoryError) or lost_track or "failed to map segment" in str(error)


def _open_streams() -> None:
    """Opens /dev/null for a standard stream that was closed, as by `2>&-`, so that no file takes its number."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != fd:
                os.dup2(null, fd)
                os.close(null)
            os.set_inheritable(fd, True)
            stream = open(fd, "w" if fd else "r", encoding="utf-8", closefd=False)  # noqa: SIM115  # for the process
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _own_what_we_make() -> None:
    """A umask of 0377 or 0777 would make files, sockets and folders that their owner cannot use; what it says of others
    holds.
    """
    if os.name == "posix":
        os.umask(os.umask(0o077) & 0o077)


def _os_error(error: OSError) -> str:
    if error.errno == errno.ENOSPC and not error.filename:
        forget(sys.stdout)
        return "cannot write the output: no space is left there; make some, or send it elsewhere"
    name = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{name}"


def _usage(error: object) -> str:
    """The words of click, and where to read more."""
    import click

    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "sandpiper"
    return f"{text.rstrip('.')}; see `{path} --help`"


def _fail(text: str, code: int) -> int:
    from sandpiper.cli.styled import one_line

    try:
        # An error may quote what came from elsewhere.
        sys.stderr.write(one_line("sandpiper: ", " ".join(text.split())) + "\n")
        sys.stderr.flush()
    except OSError:  # nobody reads it; what has happened is the code's to say
        forget(sys.stderr)
    return code
