"""The common part of the commands that run a service."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sandpiper.cli.options.settings import folders
from sandpiper.cli.printing import show_lines, show_object
from sandpiper.cli.unread import forget
from sandpiper.common.errors import SandpiperError
from sandpiper.common.host_port import joined
from sandpiper.common.io.bind_addresses import EVERYWHERE, LOCALHOST, checked
from sandpiper.common.io.exit_deadline import heeding
from sandpiper.common.io.files import private_folder
from sandpiper.common.limits import ENDING_SERVICE_S

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_LEVELS: Final = ("debug", "info", "warning", "error")


def service_options(log_name: str) -> Callable[[Decorated], Decorated]:
    """Adds --metrics-port, --log-file, --log-level and --json; the log is `log_name` in the data folder."""
    options = [
        click.option(
            "--metrics-port",
            type=click.IntRange(1, 65535),
            metavar="PORT",
            help="Serve /healthz and /metrics at this loopback port.",
        ),
        click.option("--log-file", metavar="FILE", help=f"The log file, rotated by size [DIR/{log_name}]."),
        click.option("--log-level", type=click.Choice(_LEVELS), default="info", help="How much to log [info]."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object when ready, and nothing else."),
    ]

    def decorate(function: Decorated) -> Decorated:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def host_option(function: Decorated) -> Decorated:
    """Adds --host."""
    return click.option(
        "--host",
        default=LOCALHOST,
        callback=lambda context, parameter, value: checked(value),
        metavar="HOST",
        help="Listen there [localhost: this machine alone]; 0.0.0.0 or :: is everywhere.",
    )(function)


def stopping_on_signals(stop: asyncio.Event, seconds: float = ENDING_SERVICE_S) -> AbstractContextManager[None]:
    """Sets `stop` on Ctrl-C, SIGTERM and a closed terminal, for a service that then exits 0."""
    return heeding(lambda number: stop.set(), lambda number: seconds, lambda number: 0)


def say_ready(ready: Any, text: str, *, as_json: bool) -> None:
    """The one thing that a service prints: its ready object, or the text for a person."""
    try:
        if as_json:
            show_object(ready)
        else:
            show_lines(*text.splitlines())
    except (BrokenPipeError, ConnectionResetError):  # a service goes on, whoever reads its first line
        forget(sys.stdout)


@contextlib.contextmanager
def data_folder(data: str | None, port: int, *, name: str, default_port: int) -> Iterator[Path]:
    """The data folder: as told, or one for each port, or for port 0 one that goes with the service."""
    if data is not None:
        try:
            made = private_folder(Path(data))
        except OSError as error:
            reason = error.strerror or error
            raise SandpiperError(f"cannot use {data} as the data folder: {reason}; name another with --data") from None
        yield made
    elif port == 0:
        try:
            with tempfile.TemporaryDirectory(prefix="sandpiper-", ignore_cleanup_errors=True) as folder:
                yield Path(folder)
        except OSError as error:
            raise SandpiperError(f"cannot make a folder for the data: {error}; name one with --data") from None
    else:
        yield folders().data / (name if port == default_port else f"{name}-{port}")


# Addresses ---------------------------------------------------------------------------------------------------


def lan_address() -> str | None:
    """The address that this machine has for others. Nothing is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address that is nobody's
            return str(probe.getsockname()[0])
        except OSError:
            return None


def reached_at(host: str, port: str, lan: str | None) -> str:
    """HOST:PORT for others, of a service that listens on `host`. `lan` is this machine's address for others."""
    name = (lan or socket.gethostname()) if host in EVERYWHERE else host
    return joined(name.strip("[]"), port)
