"""`sandpiper broker`: runs a broker until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from sandpiper.cli.loop import run
from sandpiper.cli.options import access_options, resolve_access_code
from sandpiper.cli.settings import folders
from sandpiper.common.errors import SandpiperError, UsageError
from sandpiper.common.io.files import private_folder
from sandpiper.common.limits import BYTES_PER_S, MESSAGES_PER_S, RETAIN_MESSAGES, RETAIN_S
from sandpiper.common.target import PORT

if TYPE_CHECKING:
    from sandpiper.broker.service import Config, Ready

_MIB: Final = 1024 * 1024
_DAY_S: Final = 86400.0
_LEVELS: Final = ("debug", "info", "warning", "error")


@click.command("broker")
@click.option("--host", default="127.0.0.1", metavar="HOST", help="Listen there [127.0.0.1]; 0.0.0.0 is everywhere.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535 - 12),
    default=PORT,
    metavar="PORT",
    help=f"The door; the bus takes up to PORT+12 [{PORT}]. 0 picks free ones.",
)
@click.option("--data", metavar="DIR", help="Where the log is kept; the default is yours and this port's.")
@click.option("--open", "open_", is_flag=True, help="Ask for no access code, even beyond this machine.")
@access_options
@click.option("--no-plain", is_flag=True, help="No plain ZeroMQ doors for tools on this machine.")
@click.option("--fsync", is_flag=True, help="Survive a power cut too: slower.")
@click.option("--rate", metavar="N[:MIB]", help="Messages and MiB a second that a member may send.")
@click.option(
    "--retain-messages", type=click.IntRange(1), default=RETAIN_MESSAGES, metavar="N", help="Keep so many a room."
)
@click.option(
    "--retain-days",
    type=click.FloatRange(0, min_open=True),
    default=RETAIN_S / _DAY_S,
    metavar="D",
    help="Keep so long.",
)
@click.option(
    "--metrics-port", type=click.IntRange(1, 65535), metavar="PORT", help="/healthz and /metrics on loopback."
)
@click.option("--log-file", metavar="FILE", help="Log there, turned over by size [DIR/broker.log].")
@click.option("--log-level", type=click.Choice(_LEVELS), default="info", help="How much to log [info].")
@click.option("--json", "as_json", is_flag=True, help="Print one ready object, nothing else.")
@click.pass_context
def command(
    context: click.Context,
    host: str,
    port: int,
    data: str | None,
    open_: bool,
    no_plain: bool,
    fsync: bool,
    rate: str | None,
    retain_messages: int,
    retain_days: float,
    metrics_port: int | None,
    log_file: str | None,
    log_level: str,
    as_json: bool,
    access_code: str | None,
    access_code_file: str | None,
) -> None:
    """Run a broker until Ctrl-C or SIGTERM. What it has acknowledged survives its end, however that comes.

    Without --data, --port 0 is for trials: its log is removed at the end.

    \b
    sandpiper broker
    sandpiper broker --host 0.0.0.0 --access-code-file code.txt
    """  # noqa: D301  # click means the character
    code = _code(context, open_=open_)
    if code is None and not open_ and not is_loopback(host):
        raise UsageError(
            f"beyond this machine ({host}) anybody could come in: give --access-code-file FILE, "
            "or --open if that is meant"
        )
    messages_per_s, bytes_per_s = parse_rate(rate)
    with _folder(data, port) as folder:
        from sandpiper.broker.service import Config
        from sandpiper.cli.logs import logging_to

        config = Config(
            host=host,
            port=port,
            data=folder,
            access_code=code,
            plain=not no_plain,
            fsync=fsync,
            messages_per_s=messages_per_s,
            bytes_per_s=bytes_per_s,
            retain_messages=retain_messages,
            retain_s=retain_days * _DAY_S,
            metrics_port=metrics_port,
        )
        with logging_to(Path(log_file) if log_file else folder / "broker.log", log_level, stderr=not as_json):
            run(_serve(config, as_json=as_json))


async def _serve(config: Config, *, as_json: bool) -> None:
    from sandpiper.broker.service import serve

    stop = asyncio.Event()
    _stop_on_signals(stop)
    await serve(config, ready=lambda ready: _say_ready(config, ready, as_json=as_json), stop=stop)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _say_ready(config: Config, ready: Ready, *, as_json: bool) -> None:
    from sandpiper.common.lines import encode_line

    text = encode_line(ready).decode() if as_json else ready_text(config, ready, lan_address())
    with contextlib.suppress(BrokenPipeError):  # a service goes on, whoever reads its first line
        sys.stdout.write(text)
        sys.stdout.flush()


def ready_text(config: Config, ready: Ready, lan: str | None) -> str:
    """How to join, for a person. `lan` is this machine's address for others, if it has one."""
    port = ready.door.rpartition(":")[2]
    lines = [f"sandpiper broker at {ready.door}, its log in {config.data}"]
    if is_loopback(config.host):
        lines.append(f"join it from this machine:  sandpiper connect {_joined(config.host, port)}")
    else:
        everywhere = config.host in ("0.0.0.0", "::", "*")  # noqa: S104  # compared, not listened on
        host = (lan or socket.gethostname()) if everywhere else config.host
        lines.append(f"join it from anywhere near:  sandpiper connect {_joined(host, port)}")
        lines.append("it asks for the access code" if config.access_code else "it is open: who reaches it may come in")
    lines.append("stop it with Ctrl-C")
    return "\n".join(lines) + "\n"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`; a name that is not localhost counts as beyond it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def lan_address() -> str | None:
    """The address that this machine has for others. Nothing is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address that is nobody's
            return str(probe.getsockname()[0])
        except OSError:
            return None


def parse_rate(text: str | None) -> tuple[float, float]:
    """`N[:MIB]` as messages and bytes a second. Raises UsageError."""
    if text is None:
        return MESSAGES_PER_S, BYTES_PER_S
    messages, _, mib = text.partition(":")
    try:
        rate = float(messages), float(mib) * _MIB if mib else float(BYTES_PER_S)
    except ValueError:
        rate = 0.0, 0.0
    if not all(0 < part < float("inf") for part in rate):
        raise UsageError(f"--rate {text}: messages a second, and MiB a second after a colon, such as 5000:4")
    return rate


def _code(context: click.Context, *, open_: bool) -> str | None:
    named = [context.get_parameter_source(name) for name in ("access_code", "access_code_file")]
    if not open_:
        return resolve_access_code(context)
    if ParameterSource.COMMANDLINE in named:
        raise UsageError("--open asks for no access code: leave one of the two out")
    # The flag is nearer than a code in the environment.
    return None


@contextlib.contextmanager
def _folder(data: str | None, port: int) -> Iterator[Path]:
    """The data folder: as told, or one for each port, or for port 0 one that goes with the broker."""
    if data is not None:
        try:
            made = private_folder(Path(data))
        except OSError as error:
            reason = error.strerror or error
            raise SandpiperError(f"cannot use {data} as the log's folder: {reason}; name another with --data") from None
        yield made
    elif port == 0:
        try:
            with tempfile.TemporaryDirectory(prefix="sandpiper-", ignore_cleanup_errors=True) as folder:
                yield Path(folder)
        except OSError as error:
            raise SandpiperError(f"cannot make a folder for the log: {error}; name one with --data") from None
    else:
        yield folders().data / ("broker" if port == PORT else f"broker-{port}")


def _joined(host: str, port: str) -> str:
    return f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"
