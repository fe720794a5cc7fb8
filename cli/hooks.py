"""`listen --exec CMD`: runs a command for each message, never through a shell.

The text is its stdin; who said it, and where, is in its environment, from which our own settings and all secrets are
taken out. What a stranger wrote is thus data only: it is never a word of a command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar

import click
import msgspec

from sandpiper.cli.filters import kind_of, text_of
from sandpiper.cli.options.settings import HOME
from sandpiper.cli.stdio import status
from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.limits import HOOK_END_S, HOOK_JOBS_MOST
from sandpiper.common.lines import encode_line

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_OWN: Final = "SANDPIPER_"
_MESSAGE: Final = "SANDPIPER_MSG_"


class Hook:
    """A command that is run for each message, `jobs` at once at most. To be used with `async with`.

    With `as_json` its stdin is the whole object, as `listen --json` prints it.
    """

    def __init__(self, words: list[str], *, jobs: int = 1, as_json: bool = False) -> None:
        self._words = words
        self._as_json = as_json
        self._environment = cleared(os.environ)
        self._free = asyncio.Semaphore(jobs)
        # Threads of its own, because the selector loop of Windows starts no processes.
        self._threads = ThreadPoolExecutor(jobs, "exec")
        self._children: set[subprocess.Popen[bytes]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.run = 0
        self.failed = 0

    async def __aenter__(self) -> Hook:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for those that run; when something went wrong it ends them. Raises SandpiperError if any failed."""
        self._closed = kind is not None
        try:
            if not self._closed and self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self._closed = True
            self._end()
            self._threads.shutdown(wait=False, cancel_futures=True)
        if kind is None and self.failed:
            raise SandpiperError(f"{self._words[0]} failed for {self.failed} of {self.run} messages")

    async def take(self, message: msgspec.Struct, where: str) -> None:
        """Starts the command for it as soon as there is a place, and so slows the room down while there is none.

        `where` is the room's name, as it may be known to everybody.
        """
        await self._free.acquire()
        task = asyncio.get_running_loop().create_task(self._run(message, where))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, message: msgspec.Struct, where: str) -> None:
        stdin = encode_line(message) if self._as_json else text_of(message).encode("utf-8", "replace") + b"\n"
        environment = {**self._environment, **described(message, where)}
        self.run += 1
        try:
            loop = asyncio.get_running_loop()
            problem = await loop.run_in_executor(self._threads, self._call, stdin, environment)
        except RuntimeError:  # no thread takes anything any more
            problem = ""
        finally:
            self._free.release()
        if problem:
            self.failed += 1
            status(f"--exec: {self._words[0]} {problem} (message {getattr(message, 'seq', None) or self.run})")

    def _call(self, stdin: bytes, environment: Mapping[str, str]) -> str:
        """Runs the command, in a thread; returns what went wrong, empty for nothing."""
        try:
            child = subprocess.Popen(self._words, stdin=subprocess.PIPE, env=environment)  # noqa: S603  # no shell
        except (OSError, ValueError) as error:
            return f"cannot be run: {getattr(error, 'strerror', None) or error}"
        self._children.add(child)
        if self._closed:
            child.terminate()
        try:
            with contextlib.suppress(BrokenPipeError):  # it need not read
                child.communicate(stdin)
            code = child.wait()
        except OSError as error:
            return f"cannot be written to: {error.strerror or error}"
        finally:
            self._children.discard(child)
        if self._closed or code == 0:
            return ""
        return f"ended with {code}" if code > 0 else f"was ended by signal {-code}"

    def _end(self) -> None:
        children = list(self._children)
        for child in children:
            with contextlib.suppress(OSError):
                child.terminate()
        until = time.monotonic() + HOOK_END_S
        for child in children:
            try:
                child.wait(max(until - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def parse_command(text: str) -> list[str]:
    """The words of CMD, the first of which is there to be run. Raises UsageError."""
    try:
        words = shlex.split(text, posix=os.name == "posix")
    except ValueError as error:
        raise UsageError(f"--exec: {str(error).lower()} in the command") from None
    if os.name != "posix":
        words = [word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word for word in words]
    if not words:
        raise UsageError("--exec: there is no command")
    found = shutil.which(words[0])
    if found is None:
        why = "is not executable" if Path(words[0]).exists() else "is not there"
        raise UsageError(f"--exec: {words[0]} {why}; it is run as it stands, without a shell")
    return [found if os.name != "posix" else words[0], *words[1:]]


def cleared(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment without our settings, among which the secrets are; our folder may be known."""
    return {name: value for name, value in environment.items() if name == HOME or not name.upper().startswith(_OWN)}


def described(message: msgspec.Struct, where: str) -> dict[str, str]:
    """A message's fields as variables; one that it has not is empty, and none left over from outside."""
    fields = {
        "TYPE": kind_of(message),
        "NICK": getattr(message, "nick", None),
        "FROM": getattr(message, "from_", None),
        "VERIFIED": int(getattr(message, "verified", False)),
        "SEQ": getattr(message, "seq", None),
        "ID": getattr(message, "id", None),
        "TS": getattr(message, "ts", None),
        "ROOM": where,
    }
    return {f"{_MESSAGE}{name}": _value(value) for name, value in fields.items()}


def public_name(name: str, code: str | None) -> str:
    """Returns the name of a room for an environment: of a room code its number alone."""
    return name if code is None else code.rpartition("-")[2]


def hook_options(function: Decorated) -> Callable[..., Any]:
    """Adds --exec and --jobs, passed as `command_line` (None for none) and `jobs`."""
    command = click.option(
        "--exec",
        "command_line",
        metavar="CMD",
        callback=lambda _context, _parameter, value: None if value is None else parse_command(value),
        help="Run CMD for each message, the text on its stdin, all else in SANDPIPER_MSG_*; print nothing.",
    )
    jobs = click.option(
        "--jobs",
        type=click.IntRange(1, HOOK_JOBS_MOST),
        default=1,
        metavar="N",
        help="How many CMD may run at once; above 1 they end in any order [1].",
    )
    return command(jobs(function))


def _value(value: object) -> str:
    # No variable can hold a NUL, and half of a surrogate pair is no text.
    return "" if value is None else str(value).replace("\0", "").encode("utf-8", "replace").decode()
